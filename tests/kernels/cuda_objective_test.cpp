// The objective's CUDA kernels and their driver, run by the host executor, against the CPU's evaluate.
#include <visplay/core/rng.hpp>
#include <visplay/kernels/cuda/evaluate.hpp>
#include <visplay/kernels/cuda/host_executor.hpp>
#include <visplay/kernels/objective.hpp>
#include <visplay/loss/group_loss.hpp>
#include <visplay/loss/ratio_losses.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include <support/token_columns.hpp>

using namespace visplay;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

namespace {

/// Six completions of two groups, two of them without a kept token.
struct Example : testing::TokenColumns {
  Example() {
    offsets = {0, 0, 3, 150, 151, 420, 424}, groups = {0, 3, 6};
    Rng rng(3);
    const auto add = [&](std::vector<float>& to, double x) { to.push_back(float(x)); };
    for (int i = 0; i < 6; ++i) add(advantages, rng.normal());
    for (std::size_t t = 0; t < 424; ++t) {
      add(old, -2 + rng.normal());
      add(log_probs, double(old[t]) + 0.3 * rng.normal());
      add(ref, double(old[t]) + 0.3 * rng.normal());
      add(rollout, double(old[t]) + 0.3 * rng.normal());
      add(mask, t < 420 && rng.chance(0.7) ? 1 : 0);
      add(entropy, rng.uniform());
      add(weights, 0.5 + rng.uniform());
    }
  }
};

struct Results {
  ObjectiveReport report;
  std::vector<float> gradient = std::vector<float>(424, 7.f), entropy_gradient = gradient;
  [[nodiscard]] ObjectiveGradient views() { return {gradient, entropy_gradient}; }
};

template <class Objective>
Results by_cpu(const Objective& objective, const TokenBatch& batch, const BatchTotals& totals) {
  Results results;
  ThreadPool pool(1);
  results.report = evaluate(objective, batch, totals, results.views(), pool);
  return results;
}

template <class Objective>
Results by_cuda(const Objective& objective, const TokenBatch& batch, const BatchTotals& totals) {
  Results results;
  const auto call =
      cuda::objective_call(objective, batch, totals, results.views(), &results.report);
  cuda::HostExecutor executor(1);
  const std::size_t bytes = cuda::ObjectiveSpace(cuda::Area(), call).bytes;
  cuda::evaluate(executor, call, cuda::ObjectiveSpace(cuda::Area(executor.space(bytes)), call));
  return results;
}

void check_same(const Results& cuda, const Results& cpu) {
  const ObjectiveReport &a = cuda.report, &b = cpu.report;
  CHECK_THAT(a.value, WithinAbs(b.value, 1e-5 * (1 + std::abs(b.value))));
  CHECK(a.tokens == b.tokens);
  CHECK_THAT(a.ratio_sum, WithinRel(b.ratio_sum, 1e-6));
  CHECK_THAT(a.log_ratio_sum, WithinRel(b.log_ratio_sum, 1e-5));
  CHECK_THAT(a.kl_sum, WithinRel(b.kl_sum, 1e-5));
  CHECK_THAT(a.entropy_sum, WithinRel(b.entropy_sum, 1e-6));
  CHECK(a.clipped_low == b.clipped_low);
  CHECK(a.clipped_high == b.clipped_high);
  const auto compare = [](const std::vector<float>& ours, const std::vector<float>& theirs) {
    double largest = 0;
    for (const float x : theirs) largest = std::max(largest, double(std::abs(x)));
    for (std::size_t t = 0; t < ours.size(); ++t)
      REQUIRE_THAT(ours[t], WithinAbs(theirs[t], 3e-6 * largest));
  };
  compare(cuda.gradient, cpu.gradient);
  compare(cuda.entropy_gradient, cpu.entropy_gradient);
}

template <class Loss, class Correction = NoCorrection>
void check_objective(const Loss& loss, const Correction& correction = {},
                     const Aggregation& aggregation = {}) {
  const Example example;
  const Objective<Loss, K3, Correction> objective{.loss = loss,
                                                  .kl_coefficient = 0.1f,
                                                  .entropy_coefficient = 0.05f,
                                                  .correction = correction,
                                                  .aggregation = aggregation};
  const TokenBatch batch = example.batch();
  const BatchTotals totals = totals_of(batch);
  check_same(by_cuda(objective, batch, totals), by_cpu(objective, batch, totals));
}

}  // namespace

TEST_CASE("token losses on CUDA: values, metrics and gradients are the CPU's") {
  check_objective(ClippedSurrogate{});
  check_objective(ClippedSurrogate{.dual_clip = 3});
  check_objective(ClippedSurrogate{}, TokenTis{.cap = 1.1f});
  check_objective(Cispo{});
  check_objective(Sapo{});
}

TEST_CASE("sequence losses on CUDA are the CPU's") {
  check_objective(Gspo{.clip_low = 0.01f, .clip_high = 0.02f});
  check_objective(GspoToken{}, TokenTis{});
  check_objective(Gmpo{});
  check_objective(Vespo{});
  check_objective(SequenceCispo{});
}

TEST_CASE("group losses on CUDA are the CPU's") {
  check_objective(Tpo{.temperature = 2});
  check_objective(Real{}, TokenTis{});
}

TEST_CASE("a group on CUDA may have more completions than a block has threads") {
  Example example;
  example.offsets = {0}, example.advantages.clear();
  for (int i = 0; i < 101; ++i) {
    example.offsets.push_back(example.offsets.back() + (i == 40 ? 0 : 4));
    example.advantages.push_back(example.ref[std::size_t(i)]);
  }
  example.offsets.back() = 424;
  example.groups = {0, 70, 101};
  const TokenBatch batch = example.batch();
  const BatchTotals totals = totals_of(batch);
  check_same(by_cuda(Objective<Tpo>{}, batch, totals), by_cpu(Objective<Tpo>{}, batch, totals));
  check_same(by_cuda(Objective<Real>{}, batch, totals), by_cpu(Objective<Real>{}, batch, totals));
}

TEST_CASE("every aggregation gives CUDA's tokens the CPU's weights") {
  using Kind = Aggregation::Kind;
  for (const Kind kind : {Kind::token_mean, Kind::sequence_mean, Kind::constant, Kind::sequence_sum,
                          Kind::token_sum, Kind::group_token_mean, Kind::alpha}) {
    INFO(name_of(kind));
    check_objective(ClippedSurrogate{}, NoCorrection{},
                    {.kind = kind, .constant_length = 100, .alpha = 0.3f});
  }
}

TEST_CASE("an objective on CUDA takes a batch with the least that there can be") {
  const Example example;
  const TokenBatch batch{.offsets = example.offsets,
                         .token_advantages = example.ref,
                         .log_probs = example.log_probs,
                         .old_log_probs = example.old};
  const Objective<> objective{.kl_coefficient = 0};
  const BatchTotals totals = totals_of(batch);
  check_same(by_cuda(objective, batch, totals), by_cpu(objective, batch, totals));
}

TEST_CASE("a batch on CUDA with every token masked is worth nothing, as on the CPU") {
  Example example;
  std::ranges::fill(example.mask, 0.f);
  const TokenBatch batch = example.batch();
  for (const bool count_empty : {true, false}) {
    const BatchTotals totals = totals_of(batch, count_empty);
    const Results results = by_cuda(Objective<>{}, batch, totals);
    check_same(results, by_cpu(Objective<>{}, batch, totals));
    CHECK(results.report.value == 0);
    CHECK(results.gradient == std::vector<float>(424));
    check_same(by_cuda(Objective<Gspo>{}, batch, totals), by_cpu(Objective<Gspo>{}, batch, totals));
  }
}

TEST_CASE("an objective on CUDA refuses views that do not fit each other") {
  const Example example;
  Results results;
  TokenBatch batch = example.batch();
  batch.ref_log_probs = {};
  const auto refused = [&](const TokenBatch& of, ObjectiveReport* report) {
    CHECK_THROWS_AS(cuda::objective_call(Objective<>{}, of, {6, 424}, results.views(), report),
                    Error);
  };
  refused(batch, &results.report);
  refused(example.batch(), nullptr);
  batch = example.batch();
  batch.groups = batch.groups.first(1);
  refused(batch, &results.report);
}
