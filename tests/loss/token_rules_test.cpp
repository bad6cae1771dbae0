#include <visplay/loss/kl_control.hpp>
#include <visplay/loss/sequence_correction.hpp>
#include <visplay/loss/token_rules.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <cmath>
#include <numeric>
#include <support/token_columns.hpp>
#include <vector>

using namespace visplay;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using Weights = std::vector<float>;

namespace {

/// Two completions of two tokens and an empty one; log-probs as given, everything else on-policy.
struct Example : testing::TokenColumns {
  Example()
      : TokenColumns{.offsets = {0, 2, 4, 4},
                     .advantages = {1, -1, 1},
                     .log_probs = Weights(4, -1),
                     .old = Weights(4, -1),
                     .ref = Weights(4, -1),
                     .rollout = Weights(4, -1),
                     .entropy = {1, 2, 3, 4}} {}

  template <class Rule>
  [[nodiscard]] Weights operator()(const Rule& rule) const {
    Weights weights(4, 1.f);
    rule(batch(), weights);
    return weights;
  }
};

}  // namespace

TEST_CASE("the overlong filter takes out the tokens of completions that were cut off") {
  const std::vector<std::uint8_t> truncated{0, 1, 1}, too_few{1};
  CHECK(Example{}(OverlongFilter{truncated}) == Weights{1, 1, 0, 0});
  CHECK_THROWS_AS(Example{}(OverlongFilter{too_few}), Error);
}

TEST_CASE("top entropy keeps the given share, tokens at the threshold included") {
  CHECK(Example{}(TopEntropy{.share = 0.5f}) == Weights{0, 0, 1, 1});
  CHECK(Example{}(TopEntropy{.share = 1}) == Weights{1, 1, 1, 1});
  Example same;
  same.entropy = {2, 2, 2, 2};
  CHECK(same(TopEntropy{.share = 0.25f}) == Weights{1, 1, 1, 1});
  same.entropy.clear();
  CHECK_THROWS_AS(same(TopEntropy{}), Error);
}

TEST_CASE("OPSM drops only failures that drifted") {
  Example example;
  example.log_probs = {-2, -2, -2, -1};  // mean drift 1 and 0.5 nats
  CHECK(example(OffPolicySequenceMask{.threshold = 0.4f}) == Weights{1, 1, 0, 0});
  CHECK(example(OffPolicySequenceMask{.threshold = 0.5f}) == Weights{1, 1, 1, 1});
}

TEST_CASE("M2PO masks the fewest tokens that bring the mean square below the threshold") {
  Example example;
  example.rollout = {-1, -1.5f, -2, -3};  // squares 0, 0.25, 1, 4
  CHECK(example(M2po{.threshold = 10}) == Weights{1, 1, 1, 1});
  CHECK(example(M2po{.threshold = 0.5f}) == Weights{1, 1, 1, 0});  // mean 1.25 / 3
  CHECK(example(M2po{.threshold = 0.2f}) == Weights{1, 1, 0, 0});
  example.rollout = {-3, -3, -3, -3};
  const Weights left = example(M2po{.threshold = 0.1f});
  CHECK(std::accumulate(left.begin(), left.end(), 0.f) == 1);
}

TEST_CASE("FIPO weighs a token by the log-ratios that follow, held to its range") {
  Example example;
  example.log_probs = {-0.875f, -0.9375f, -1, 0};  // log r: 0.125, 0.0625 | 0, 1
  const Weights free = example(Fipo{.gamma = 0.5f, .clip = 0});
  CHECK_THAT(free[0], WithinRel(std::exp(0.125 + 0.03125), 1e-6));
  CHECK_THAT(free[1], WithinRel(std::exp(0.0625), 1e-6));
  CHECK_THAT(free[2], WithinRel(std::exp(0.5), 1e-6));
  CHECK(example(Fipo{.gamma = 0.5f, .clip = 0.25f})[2] == 1.25f);
  // The last token's ratio e is above the cap: it adds nothing.
  CHECK(example(Fipo{.gamma = 0.5f, .clip = 0.25f, .ratio_cap = 2})[2] == 1.f);
  // And it is a failure's token above the safe ratio: at most 1.
  CHECK(example(Fipo{.gamma = 0.5f, .clip = 0.25f, .safe_ratio = 2})[3] == 1.f);
}

TEST_CASE("Clip-Cov draws its share from the band, and again the same") {
  Example example;
  example.offsets = {0, 500, 1000, 1000};
  Rng rng(3);
  for (auto* values :
       {&example.log_probs, &example.old, &example.ref, &example.rollout, &example.entropy}) {
    values->clear();
    for (int t = 0; t < 1000; ++t) values->push_back(float(-3 * rng.uniform()));
  }
  example.old = example.log_probs;
  const auto drawn = [&](const ClipCov& rule) {
    Weights weights(1000, 1.f);
    rule(example.batch(), weights);
    return weights;
  };
  const ClipCov rule{.share = 0.02f, .low = 0.5f, .high = 1, .rng = Rng(1)};
  const Weights first = drawn(rule);
  CHECK(std::count(first.begin(), first.end(), 0.f) == 20);
  CHECK(drawn(rule) == first);
  CHECK(drawn({.share = 0.02f, .low = 0.5f, .high = 1, .rng = Rng(2)}) != first);
  // With advantages 1 and -1 the covariance is +-(log pi - mean): only the band is touched.
  const float mean =
      std::accumulate(example.log_probs.begin(), example.log_probs.end(), 0.f) / 1000;
  for (std::size_t t = 0; t < 1000; ++t) {
    const float covariance = (t < 500 ? 1.f : -1.f) * (example.log_probs[t] - mean);
    if (first[t] == 0) CHECK((covariance > 0.499f && covariance < 1.001f));
  }
  CHECK(drawn({.share = 0.02f, .low = 100, .high = 101}) == Weights(1000, 1.f));
}

TEST_CASE("KL-Cov marks the largest covariance, at least one token") {
  Example example;
  example.log_probs = {-1, -2, -1, -4};  // A - 0 times log pi - mean (-2): 1, 0, -1, 2
  Weights marks(4, 7.f);
  KlCovMarks{}(example.batch(), marks);
  CHECK(marks == Weights{0, 0, 0, 1});
  KlCovMarks{.share = 0.5f}(example.batch(), marks);
  CHECK(marks == Weights{1, 0, 0, 1});
}

TEST_CASE("the effective sample size is 1 on-policy and 1/N where one token has all the weight") {
  Weights marks(4);
  P3oMarks{}(Example{}.batch(), marks);
  CHECK(marks == Weights{1, 1, 1, 1});
  Example skewed;
  skewed.old = {-1, -1, -1, -21};
  P3oMarks{}(skewed.batch(), marks);
  CHECK_THAT(marks[0], WithinAbs(0.25, 1e-6));
}

TEST_CASE("rules leave masked tokens alone and do not count them") {
  Example example;
  example.mask = {1, 1, 1, 0};
  example.log_probs = {-1, -1, -1, -9};
  CHECK(example(OffPolicySequenceMask{.threshold = 0.1f}) == Weights{1, 1, 1, 1});
  CHECK(example(TopEntropy{.share = 0.5f}) == Weights{0, 1, 1, 1});
}

TEST_CASE("sequence corrections weigh all tokens of a completion alike") {
  Example example;
  example.rollout = {-1.5f, -1.5f, -0.75f, -1};  // log products 1 and -0.25
  const double first = std::exp(1.), second = std::exp(-0.25);
  const Weights tis = example(SequenceTis{.cap = 2});
  CHECK(tis[0] == 2);
  CHECK(tis[1] == 2);
  CHECK_THAT(tis[3], WithinRel(second, 1e-6));
  CHECK(example(SequenceMask{.high = 2, .weighted = false}) == Weights{0, 0, 1, 1});
  CHECK_THAT(example(SequenceMask{.high = 3})[0], WithinRel(first, 1e-6));
  CHECK(example(SequenceMask{.low = 0.9f, .high = 1.1f, .geometric = true, .weighted = false}) ==
        Weights{0, 0, 0, 0});
  CHECK(example(SequenceMask{.low = 0.8f, .high = 1.1f, .geometric = true, .weighted = false}) ==
        Weights{0, 0, 1, 1});
}

TEST_CASE("normalised weights have a mean of one; weights of nothing stay") {
  Weights weights{1, 2, 3, 6};
  NormalizeWeights{}(Example{}.batch(), weights);
  CHECK_THAT(std::accumulate(weights.begin(), weights.end(), 0.), WithinAbs(4, 1e-6));
  Weights zeros(4, 0.f);
  NormalizeWeights{}(Example{}.batch(), zeros);
  CHECK(zeros == Weights(4, 0.f));
}

TEST_CASE("a rejection by k1 has no maximum and needs its bounds in order") {
  using Statistic = Rejection::Statistic;
  CHECK_THROWS_AS(Example{}(Rejection{.statistic = Statistic::k1, .over = Rejection::Over::max}),
                  Error);
  CHECK_THROWS_AS(Example{}(Rejection{.statistic = Statistic::k1, .low = 2, .high = 1}), Error);
  Weights too_few(3);
  CHECK_THROWS_AS(SequenceTis{}(Example{}.batch(), too_few), Error);
}

TEST_CASE("the KL of a completion is the sum over what the old policy sampled") {
  Example example;
  example.log_probs = {-9, -9, -9, -9};  // not read
  example.ref = {-1.5f, -1.25f, -1, -0.5f};
  CHECK(sequence_kl(K1{}, example.batch()) == std::vector<double>{0.75, -0.5, 0});
  example.ref.clear();
  CHECK_THROWS_AS(sequence_kl(K1{}, example.batch()), Error);
}
