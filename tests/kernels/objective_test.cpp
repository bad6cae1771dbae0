#include <visplay/core/rng.hpp>
#include <visplay/core/simd_level.hpp>
#include <visplay/kernels/objective.hpp>
#include <visplay/loss/evaluate_plain.hpp>
#include <visplay/loss/log_prob_losses.hpp>
#include <visplay/loss/ratio_losses.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <limits>
#include <support/token_columns.hpp>
#include <vector>

#include "support/worst.hpp"

using namespace visplay;
using Catch::Matchers::WithinAbs;
using Kind = Aggregation::Kind;

namespace {

/// Completions of random lengths (some empty) with random log-probs near each other.
struct Example : testing::TokenColumns {
  Example(Rng rng, int completions, int longest) : TokenColumns{.offsets = {0}, .groups = {0}} {
    for (int c = 0; c < completions; ++c) {
      offsets.push_back(offsets.back() + std::int64_t(rng.below(std::uint64_t(longest) + 1)));
      advantages.push_back(rng.chance(0.2) ? 0.f : float(rng.normal()));
    }
    for (std::int64_t t = 0; t < offsets.back(); ++t) {
      const double at = -std::abs(rng.normal());
      old.push_back(float(at));
      log_probs.push_back(float(at + 0.3 * rng.normal()));
      ref.push_back(float(at + 0.3 * rng.normal()));
      entropy.push_back(float(rng.uniform(0, 3)));
      rollout.push_back(float(at + 0.1 * rng.normal()));
      weights.push_back(float(rng.uniform(0, 2)));
      marks.push_back(rng.chance(0.1) ? 1.f : 0.f);
      mask.push_back(rng.chance(0.7) ? 1.f : 0.f);
    }
    for (int c = 0; c < completions; c += 4) groups.push_back(std::min(c + 4, completions));
  }

  /// Without what weighs, marks or hides tokens, and without groups.
  [[nodiscard]] TokenBatch plain_batch() const {
    TokenBatch plain = batch();
    plain.rollout_log_probs = plain.weights = plain.marks = plain.mask = {};
    plain.groups = {};
    return plain;
  }

  /// Objective of the batch by the plain formula in double, with the log-prob of one token moved.
  template <class Objective>
  [[nodiscard]] double value(const Objective& objective, std::size_t moved = 0,
                             double by = 0) const {
    const BatchTotals totals = totals_of(offsets);
    double sum = 0;
    for (std::size_t c = 0; c + 1 < offsets.size(); ++c)
      for (std::int64_t t = offsets[c]; t < offsets[c + 1]; ++t) {
        const double log_prob = double(log_probs[t]) + (std::size_t(t) == moved ? by : 0.);
        const TokenTerms<Dual<double>> terms{.log_prob = Dual<double>(log_prob),
                                             .old_log_prob = double(old[t]),
                                             .ref_log_prob = double(ref[t]),
                                             .rollout_log_prob = double(old[t]),
                                             .advantage = double(advantages[c]),
                                             .entropy = double(entropy[t])};
        sum += objective.aggregation.weight(offsets[c + 1] - offsets[c], totals) *
               objective(terms).value;
      }
    return sum;
  }
};

struct Result {
  ObjectiveReport report;
  std::vector<float> gradient, entropy_gradient;
};

template <class Objective>
Result evaluated(const Objective& objective, const Example& example, int threads = 1) {
  Result result{{},
                std::vector<float>(example.log_probs.size(), 99.f),
                std::vector<float>(example.log_probs.size(), 99.f)};
  ThreadPool pool(threads);
  result.report =
      evaluate(objective, example.plain_batch(), totals_of(example.offsets),
               {.log_probs = result.gradient, .entropy = result.entropy_gradient}, pool);
  return result;
}

struct OwnLoss {
  static constexpr std::string_view name = "own_loss";
  template <class T>
  T operator()(const TokenTerms<T>& t) const {
    return -t.log_prob * t.advantage;
  }
};

/// The kernel's numbers beside those of the plain evaluator, in units of the largest.
struct Distance {
  double value = 0, gradient = 0, entropy_gradient = 0;
};

double distance(std::span<const float> kernel, std::span<const double> plain) {
  double largest = 0;
  visplay::testing::Worst worst;
  for (std::size_t t = 0; t < plain.size(); ++t) {
    largest = std::max(largest, std::abs(plain[t]));
    worst.add(std::abs(double(kernel[t]) - plain[t]));
  }
  return largest > 0 ? worst.value / largest : worst.value;
}

template <class Objective>
Distance distance_to_plain(const Objective& objective, const TokenBatch& batch) {
  const BatchTotals totals = totals_of(batch);
  std::vector<float> gradient(batch.tokens(), 99.f), entropy_gradient(batch.tokens(), 99.f);
  ThreadPool pool(2);
  const auto report = evaluate(objective, batch, totals,
                               {.log_probs = gradient, .entropy = entropy_gradient}, pool);
  const auto plain = evaluate_plain(objective, batch, totals);
  return {std::abs(report.value - plain.value) / std::max(1., std::abs(plain.value)),
          distance(gradient, plain.log_prob_gradient),
          distance(entropy_gradient, plain.entropy_gradient)};
}

/// All that an objective can have, on small and large batches with and without masks and weights, at
/// every level that this processor has.
template <class Loss, class Kl = K3, class Correction = NoCorrection>
void check_against_plain(const Loss& loss, const Kl& kl = {}, const Correction& correction = {}) {
  INFO(Loss::name << " " << Kl::name << " " << Correction::name);
  Objective<Loss, Kl, Correction> objective{.loss = loss,
                                            .kl = kl,
                                            .kl_coefficient = 0.1f,
                                            .entropy_coefficient = 0.05f,
                                            .correction = correction};
  const Example small(Rng(21), 9, 13), large(Rng(22), 120, 100);
  for (int level = 0; level <= int(best_simd_level()); ++level) {
    set_simd_level(SimdLevel(level));
    for (const Kind kind : {Kind::sequence_mean, Kind::token_mean, Kind::group_token_mean})
      for (const TokenBatch& batch : {small.plain_batch(), small.batch(), large.batch()}) {
        objective.aggregation.kind = kind;
        const Distance d = distance_to_plain(objective, batch);
        INFO(name_of(SimdLevel(level)) << " " << name_of(kind) << " " << batch.tokens());
        CHECK(d.value < 1e-6);
        CHECK(d.gradient < 3e-6);
        CHECK(d.entropy_gradient < 1e-6);
      }
  }
  set_simd_level(best_simd_level());
}

const Objective<> with_everything{.kl_coefficient = 0.1f, .entropy_coefficient = 0.05f};

}  // namespace

TEST_CASE("the value is the formula in double and the gradient its central differences") {
  for (const Kind kind : {Kind::token_mean, Kind::sequence_mean, Kind::constant}) {
    Objective<> objective = with_everything;
    objective.aggregation = {kind, 64};
    const Example example(Rng(int(kind)), 9, 13);
    const Result result = evaluated(objective, example);
    CHECK_THAT(result.report.value, WithinAbs(example.value(objective), 1e-6));
    for (std::size_t t = 0; t < example.log_probs.size(); ++t) {
      const double step = 1e-5;
      const double slope =
          (example.value(objective, t, step) - example.value(objective, t, -step)) / (2 * step);
      CHECK_THAT(result.gradient[t], WithinAbs(slope, 1e-6));
    }
  }
}

TEST_CASE("value, gradient and metrics are the same to the bit for any number of threads") {
  const Example example(Rng(11), 300, 100);  // about 15,000 tokens: several blocks
  REQUIRE(example.log_probs.size() > 4 * objective_detail::objective_block);
  const Result alone = evaluated(with_everything, example);
  for (const int threads : {2, 3, 7})
    for (int again = 0; again < 5; ++again) {
      const Result together = evaluated(with_everything, example, threads);
      CHECK(together.report.value == alone.report.value);
      CHECK(together.report.kl_sum == alone.report.kl_sum);
      CHECK(together.report.ratio_sum == alone.report.ratio_sum);
      CHECK(together.gradient == alone.gradient);
      CHECK(together.entropy_gradient == alone.entropy_gradient);
    }
}

TEST_CASE("token losses are what the plain evaluator says, at every level") {
  check_against_plain(ClippedSurrogate{});
  check_against_plain(ClippedSurrogate{.clip_high = 0.28f, .dual_clip = 3, .ratio_cap = 2},
                      K3{.bound = 10});
  check_against_plain(ClippedSurrogate{}, K3{}, TokenTis{.cap = 1.1f});
  check_against_plain(Cispo::relative(0.2f, 0.3f));
  check_against_plain(Sapo{});
  check_against_plain(KlCov{}, K2{});
  check_against_plain(OwnLoss{}, K1{}, IcePop{.low = 0.8f, .high = 1.2f});
}

TEST_CASE("each token may have an advantage of its own") {
  Example example(Rng(23), 40, 60);
  const Result of_completions = evaluated(with_everything, example);
  for (std::size_t i = 0; i + 1 < example.offsets.size(); ++i)
    example.token_advantages.resize(std::size_t(example.offsets[i + 1]), example.advantages[i]);
  example.advantages.clear();
  const Result the_same = evaluated(with_everything, example);
  CHECK(the_same.report.value == of_completions.report.value);
  CHECK(the_same.gradient == of_completions.gradient);

  Rng rng(24);
  for (float& advantage : example.token_advantages) advantage = float(rng.normal());
  for (int level = 0; level <= int(best_simd_level()); ++level) {
    set_simd_level(SimdLevel(level));
    const Distance d = distance_to_plain(with_everything, example.batch());
    CHECK(d.value < 1e-6);
    CHECK(d.gradient < 3e-6);
  }
  set_simd_level(best_simd_level());
  ThreadPool pool(1);
  const TokenBatch batch = example.batch();
  CHECK_THROWS_AS(evaluate(Objective<Gspo>{.kl_coefficient = 0}, batch, totals_of(batch), {}, pool),
                  Error);
  CHECK_THROWS_AS(evaluate_plain(Objective<Gspo>{.kl_coefficient = 0}, batch, totals_of(batch)),
                  Error);
}

TEST_CASE("sequence losses are what the plain evaluator says, at every level") {
  check_against_plain(Gspo{.clip_low = 0.02f, .clip_high = 0.03f});
  check_against_plain(GspoToken{{.clip_low = 0.02f, .clip_high = 0.03f}});
  check_against_plain(Gmpo{}, K3{}, TokenTis{.cap = 1.1f});
  check_against_plain(Vespo{});
}

TEST_CASE("group losses are what the plain evaluator says") {
  check_against_plain(Tpo{}, K3{}, TokenTis{.cap = 1.1f});
  check_against_plain(Real{});
}

TEST_CASE("what the mask takes out may be anything") {
  Example example(Rng(23), 30, 60);
  for (const bool sequence : {false, true}) {
    const auto evaluate_masked = [&] {
      std::vector<float> gradient(example.old.size());
      ThreadPool pool(1);
      const TokenBatch batch = example.batch();
      const ObjectiveGradient to{.log_probs = gradient};
      const auto report =
          sequence ? evaluate(Objective{.loss = Gspo{}}, batch, totals_of(batch), to, pool)
                   : evaluate(with_everything, batch, totals_of(batch), to, pool);
      return std::pair(report, gradient);
    };
    const auto [report, gradient] = evaluate_masked();
    double kept = 0;
    for (std::size_t t = 0; t < example.mask.size(); ++t) {
      kept += double(example.mask[t]);
      if (example.mask[t] != 0) continue;
      CHECK(gradient[t] == 0);
      example.log_probs[t] = example.ref[t] = std::numeric_limits<float>::quiet_NaN();
      example.entropy[t] = std::numeric_limits<float>::infinity();
    }
    CHECK(report.tokens == kept);
    const auto [again, same] = evaluate_masked();
    CHECK(same == gradient);
    CHECK(again.value == report.value);
    CHECK(again.kl_sum == report.kl_sum);
    CHECK(again.entropy_sum == report.entropy_sum);
  }
}

TEST_CASE("sequence and group losses are the same to the bit for any number of threads") {
  const Example example(Rng(24), 300, 150);
  REQUIRE(example.old.size() > objective_detail::worth_threads);
  const auto run = [&](const auto& objective, int threads) {
    std::vector<float> gradient(example.old.size());
    ThreadPool pool(threads);
    const TokenBatch batch = example.batch();
    const double value =
        evaluate(objective, batch, totals_of(batch), {.log_probs = gradient}, pool).value;
    return std::pair(value, gradient);
  };
  const Objective<Gspo> gspo;
  const Objective<Tpo> tpo;
  const auto gspo_alone = run(gspo, 1), tpo_alone = run(tpo, 1);
  for (const int threads : {2, 5}) {
    CHECK(run(gspo, threads) == gspo_alone);
    CHECK(run(tpo, threads) == tpo_alone);
  }
}

TEST_CASE("all tokens of a completion whose sequence ratio is clipped count as clipped") {
  const std::vector<std::int64_t> offsets{0, 3, 5};
  const std::vector<float> advantages{1, -1}, old(5, -1.f), now{-0.5f, -0.9f, -1, -1.2f, -1.4f};
  ThreadPool pool(1);
  const TokenBatch batch{
      .offsets = offsets, .advantages = advantages, .log_probs = now, .old_log_probs = old};
  const auto report =
      evaluate(Objective{.loss = Gspo{.clip_low = 0.2f, .clip_high = 0.2f}, .kl_coefficient = 0},
               batch, totals_of(batch), {}, pool);
  // Mean log ratios 0.2 and -0.3: ratios 1.22 > 1.2 with A > 0 and 0.74 < 0.8 with A < 0.
  CHECK(report.clipped_high == 3);
  CHECK(report.clipped_low == 2);
  CHECK_THAT(report.mean_old_kl(), WithinAbs(0, 1e-6));  // (0.5 + 0.1 + 0 - 0.2 - 0.4) / 5
}

TEST_CASE("a batch cut into parts has the value and the gradient of the whole") {
  const Example example(Rng(12), 40, 90);
  const Result whole = evaluated(with_everything, example);
  const std::size_t cut = 17;
  ThreadPool pool(1);
  ObjectiveReport sum;
  std::vector<float> gradient(example.log_probs.size());
  for (const auto& [first, last] : {std::pair{std::size_t(0), cut}, {cut, std::size_t(40)}}) {
    std::vector<std::int64_t> offsets(example.offsets.begin() + std::ptrdiff_t(first),
                                      example.offsets.begin() + std::ptrdiff_t(last) + 1);
    const auto begin = std::size_t(offsets.front()), count = std::size_t(offsets.back()) - begin;
    for (auto& offset : offsets) offset -= std::int64_t(begin);
    const auto part = [&](const std::vector<float>& all) {
      return std::span(all).subspan(begin, count);
    };
    sum += evaluate(with_everything,
                    {.offsets = offsets,
                     .advantages = std::span(example.advantages).subspan(first, last - first),
                     .log_probs = part(example.log_probs),
                     .old_log_probs = part(example.old),
                     .ref_log_probs = part(example.ref),
                     .entropy = part(example.entropy)},
                    totals_of(example.offsets),
                    {.log_probs = std::span(gradient).subspan(begin, count)}, pool);
  }
  CHECK(gradient == whole.gradient);
  CHECK_THAT(sum.value, WithinAbs(whole.report.value, 1e-9));
  CHECK(sum.tokens == whole.report.tokens);
  CHECK(sum.clipped_low == whole.report.clipped_low);
}

TEST_CASE("on the sampling policy nothing is clipped, the ratio is one and the KL zero") {
  Example example(Rng(13), 20, 50);
  example.log_probs = example.ref = example.old;
  const auto report = evaluated(Objective<>{}, example).report;
  CHECK(report.tokens == double(example.old.size()));
  CHECK(report.mean_ratio() == 1);
  CHECK(report.mean_kl() == 0);
  CHECK(report.clip_fraction() == 0);
}

TEST_CASE("metrics are those of the tokens, counted one by one") {
  const Example example(Rng(14), 30, 40);
  const auto report = evaluated(Objective<>{}, example).report;
  double ratios = 0, kls = 0, low = 0, high = 0, entropy = 0;
  for (std::size_t c = 0; c < example.advantages.size(); ++c)
    for (std::int64_t t = example.offsets[c]; t < example.offsets[c + 1]; ++t) {
      const double ratio = std::exp(double(example.log_probs[t]) - double(example.old[t]));
      const double d = double(example.ref[t]) - double(example.log_probs[t]);
      ratios += ratio;
      kls += std::exp(d) - d - 1;
      entropy += example.entropy[t];
      low += ratio < 0.8 && example.advantages[c] < 0;
      high += ratio > 1.2 && example.advantages[c] > 0;
    }
  const double n = double(example.old.size());
  CHECK(low > 0);
  CHECK(high > 0);
  CHECK_THAT(report.mean_ratio(), WithinAbs(ratios / n, 1e-6));
  CHECK_THAT(report.mean_kl(), WithinAbs(kls / n, 1e-6));
  CHECK_THAT(report.mean_entropy(), WithinAbs(entropy / n, 1e-6));
  CHECK(report.clip_fraction_low() == low / n);
  CHECK(report.clip_fraction_high() == high / n);
}

TEST_CASE("a loss of one's own needs no clip bounds") {
  const Example example(Rng(15), 10, 10);
  const Objective<OwnLoss> objective{.kl_coefficient = 0};
  const Result result = evaluated(objective, example);
  CHECK_THAT(result.report.value, WithinAbs(example.value(objective), 1e-6));
  CHECK(result.report.clip_fraction() == 0);
}

TEST_CASE("no tokens have no value; views that do not fit are refused") {
  ThreadPool pool(1);
  const std::vector<std::int64_t> nothing{0, 0, 0};
  const std::vector<float> advantages{1, -1};
  CHECK(evaluate(Objective<>{}, {.offsets = nothing, .advantages = advantages}, totals_of(nothing),
                 {}, pool)
            .value == 0);

  const Example example(Rng(16), 5, 5);
  const BatchTotals totals = totals_of(example.offsets);
  ObjectiveBatch batch = example.plain_batch();
  batch.ref_log_probs = {};
  CHECK_THROWS_AS(evaluate(Objective<>{}, batch, totals, {}, pool), Error);
  CHECK(evaluate(Objective<>{.kl_coefficient = 0}, batch, totals, {}, pool).mean_kl() == 0);
  batch.advantages = batch.advantages.subspan(1);
  CHECK_THROWS_AS(evaluate(Objective<>{.kl_coefficient = 0}, batch, totals, {}, pool), Error);
}
