#include <visplay/core/rng.hpp>
#include <visplay/loss/evaluate_plain.hpp>
#include <visplay/loss/presets.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <algorithm>
#include <cmath>
#include <support/token_columns.hpp>

using namespace visplay;
using Catch::Matchers::WithinAbs;
using Kind = Aggregation::Kind;

namespace {

/// Random completions, the third one empty; two groups.
struct Example : testing::TokenColumns {
  explicit Example(std::uint64_t seed) {
    Rng rng(seed);
    offsets = {0, 3, 4, 4, 9, 11};
    groups = {0, 3, 5};
    for (int i = 0; i < 5; ++i) advantages.push_back(float(rng.normal()));
    for (int t = 0; t < 11; ++t) {
      const double at = -0.5 - std::abs(rng.normal());
      const auto near = [&] { return float(at + 0.3 * rng.normal()); };
      old.push_back(float(at));
      log_probs.push_back(near());
      ref.push_back(near());
      rollout.push_back(near());
      entropy.push_back(float(rng.uniform(0, 3)));
      weights.push_back(float(rng.uniform(0, 2)));
      mask.push_back(rng.chance(0.8) ? 1.f : 0.f);
    }
    mask[0] = 1;  // one token of each group stays
    mask[10] = 1;
  }
};

template <class Objective>
double value(const Objective& objective, const Example& example) {
  return evaluate_plain(objective, example.batch(), totals_of(example.batch())).value;
}

/// Slope of the value by one number of the example; NaN at a kink. Inputs are floats: the steps taken
/// are those that they can hold.
template <class Objective>
double slope(const Objective& objective, Example example, std::vector<float> Example::*of,
             std::size_t at) {
  const float x = (example.*of)[at];
  const auto moved = [&](float by) {
    (example.*of)[at] = x + by;
    return std::pair(double(x + by), value(objective, example));
  };
  const auto quotient = [&](float left, float right) {
    const auto [x0, y0] = moved(left);
    const auto [x1, y1] = moved(right);
    return (y1 - y0) / (x1 - x0);
  };
  constexpr float step = 0x1p-10f;
  const double left = quotient(-step, 0), right = quotient(0, step);
  if (std::abs(left - right) > 0.02 * (std::abs(left) + std::abs(right)) + 1e-3) return NAN;
  return (4 * quotient(-step, step) - quotient(-2 * step, 2 * step)) / 3;
}

struct PpoAll {
  static auto make() {
    return Objective{.loss = ClippedSurrogate{},
                     .kl_coefficient = 0.3f,
                     .entropy_coefficient = 0.1f,
                     .correction = TokenTis{},
                     .aggregation = {.kind = Kind::group_token_mean}};
  }
};
struct GspoAll {
  static auto make() {
    return Objective{.loss = Gspo{.clip_low = 0.3f, .clip_high = 0.3f},
                     .kl_coefficient = 0.3f,
                     .entropy_coefficient = 0.1f,
                     .correction = TokenTis{},
                     .aggregation = {.kind = Kind::token_mean}};
  }
};
struct GmpoAll {
  static auto make() { return Objective{.loss = Gmpo{}, .kl = K2{}, .correction = IcePop{}}; }
};
struct TpoAll {
  static auto make() {
    return Objective{
        .loss = Tpo{}, .correction = TokenTis{}, .aggregation = {.kind = Kind::token_mean}};
  }
};
struct RealAll {
  static auto make() { return Objective{.loss = Real{}, .entropy_coefficient = 0.2f}; }
};

}  // namespace

TEMPLATE_TEST_CASE("the gradient of a whole objective is its slope in every token", "", PpoAll,
                   GspoAll, GmpoAll, TpoAll, RealAll) {
  const auto objective = TestType::make();
  int compared = 0;
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const Example example(seed);
    const auto found = evaluate_plain(objective, example.batch(), totals_of(example.batch()));
    for (std::size_t t = 0; t < example.log_probs.size(); ++t) {
      CHECK_THAT(found.entropy_gradient[t],
                 WithinAbs(slope(objective, example, &Example::entropy, t), 1e-9));
      const double expected = slope(objective, example, &Example::log_probs, t);
      if (std::isnan(expected)) continue;
      CHECK_THAT(found.log_prob_gradient[t],
                 WithinAbs(expected, 1e-6 * (std::abs(expected) + 0.01)));
      ++compared;
    }
  }
  CHECK(compared > 50);
}

TEST_CASE("a masked token is as if it were not there") {
  Example with(3), without(3);
  std::fill(with.mask.begin(), with.mask.end(), 1.f);
  with.mask[1] = with.mask[9] = 0;
  without.mask.clear();
  without.offsets = {0, 2, 3, 3, 8, 9};
  for (auto* values : {&without.log_probs, &without.old, &without.ref, &without.rollout,
                       &without.entropy, &without.weights}) {
    values->erase(values->begin() + 9);
    values->erase(values->begin() + 1);
  }
  const auto compare = [&](const auto& objective) {
    const auto a = evaluate_plain(objective, with.batch(), totals_of(with.batch()));
    const auto b = evaluate_plain(objective, without.batch(), totals_of(without.batch()));
    CHECK(a.value == b.value);
    CHECK(a.log_prob_gradient[1] == 0);
    CHECK(a.entropy_gradient[9] == 0);
    CHECK(a.log_prob_gradient[2] == b.log_prob_gradient[1]);
    CHECK(a.log_prob_gradient[10] == b.log_prob_gradient[8]);
  };
  compare(PpoAll::make());
  compare(GspoAll::make());
  compare(TpoAll::make());
}

TEST_CASE("a batch cut between groups gives the same value and gradient") {
  const Example whole(5);
  const auto part = [&](std::size_t first, std::size_t last) {
    Example piece = whole;
    const auto begin = whole.offsets[first], end = whole.offsets[last];
    piece.groups = {0, std::int64_t(last - first)};
    piece.offsets.clear();
    for (std::size_t i = first; i <= last; ++i) piece.offsets.push_back(whole.offsets[i] - begin);
    piece.advantages = {whole.advantages.begin() + std::ptrdiff_t(first),
                        whole.advantages.begin() + std::ptrdiff_t(last)};
    for (auto of : {&Example::log_probs, &Example::old, &Example::ref, &Example::rollout,
                    &Example::entropy, &Example::weights, &Example::mask})
      piece.*of = {(whole.*of).begin() + begin, (whole.*of).begin() + end};
    return piece;
  };
  const Example first = part(0, 3), second = part(3, 5);
  const BatchTotals totals = totals_of(whole.batch());
  CHECK(totals.groups == 2);
  const auto compare = [&](const auto& objective) {
    const auto all = evaluate_plain(objective, whole.batch(), totals);
    const auto a = evaluate_plain(objective, first.batch(), totals);
    const auto b = evaluate_plain(objective, second.batch(), totals);
    CHECK_THAT(a.value + b.value, WithinAbs(all.value, 1e-15));
    CHECK(a.log_prob_gradient[2] == all.log_prob_gradient[2]);
    CHECK(b.log_prob_gradient[6] == all.log_prob_gradient[10]);
  };
  compare(PpoAll::make());
  compare(GspoAll::make());
  compare(TpoAll::make());
  compare(RealAll::make());
}

TEST_CASE("views that do not fit and terms without their inputs are refused") {
  Example example(1);
  const auto totals = totals_of(example.batch());
  example.ref.clear();
  CHECK_THROWS_AS(evaluate_plain(Objective{}, example.batch(), totals), Error);
  CHECK_NOTHROW(evaluate_plain(Objective{.kl_coefficient = 0}, example.batch(), totals));
  example.entropy.clear();
  CHECK_THROWS_AS(evaluate_plain(Objective{.kl_coefficient = 0, .entropy_coefficient = 1},
                                 example.batch(), totals),
                  Error);
  example.weights.pop_back();
  CHECK_THROWS_AS(evaluate_plain(Objective{.kl_coefficient = 0}, example.batch(), totals), Error);
  example.weights.clear();
  example.groups = {0, 4};
  CHECK_THROWS_AS(evaluate_plain(Objective{.kl_coefficient = 0}, example.batch(), totals), Error);
}

TEST_CASE("a batch without tokens has the value 0") {
  const std::vector<std::int64_t> offsets{0, 0};
  const std::vector<float> advantages{1};
  const TokenBatch batch{.offsets = offsets, .advantages = advantages};
  CHECK(evaluate_plain(Objective{.kl_coefficient = 0}, batch, totals_of(batch)).value == 0);
  CHECK(evaluate_plain(Objective{.loss = Tpo{}, .kl_coefficient = 0}, batch, totals_of(batch))
            .value == 0);
  CHECK(evaluate_plain(Objective{.kl_coefficient = 0}, TokenBatch{}, {}).value == 0);
}
