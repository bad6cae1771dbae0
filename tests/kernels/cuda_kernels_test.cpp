// The CUDA kernels, run by the host executor, against the CPU kernels.
#include <visplay/advantage/group_relative.hpp>
#include <visplay/core/rng.hpp>
#include <visplay/kernels/adamw.hpp>
#include <visplay/kernels/cuda/adamw_kernel.hpp>
#include <visplay/kernels/cuda/group_kernel.hpp>
#include <visplay/kernels/cuda/host_block.hpp>
#include <visplay/kernels/cuda/log_probs_kernel.hpp>
#include <visplay/kernels/cuda/objective_kernel.hpp>
#include <visplay/kernels/log_probs.hpp>
#include <visplay/kernels/objective.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <cmath>
#include <numeric>
#include <vector>

using namespace visplay;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

namespace {

template <class T>
GlobalView<const T> in(const std::vector<T>& x) {
  return {x.data(), x.size()};
}
template <class T>
GlobalView<T> out(std::vector<T>& x) {
  return {x.data(), x.size()};
}

std::vector<float> normals(Rng rng, std::size_t n, double scale = 1) {
  std::vector<float> x(n);
  for (float& value : x) value = float(scale * rng.normal());
  return x;
}

template <class Number>
std::vector<Number> as(const std::vector<float>& x) {
  std::vector<Number> numbers;
  for (const float value : x) numbers.push_back(Number(value));
  return numbers;
}

}  // namespace

TEST_CASE("objective: values, metrics and gradients are the CPU's") {
  const std::vector<std::int64_t> offsets{0, 0, 3, 150, 151, 420};
  const std::size_t tokens = 420;
  const auto advantages = normals(Rng(1), 5), old = normals(Rng(2), tokens);
  auto log_probs = old, ref = old, mask = old, entropy = old;
  Rng rng(3);
  for (std::size_t t = 0; t < tokens; ++t) {
    log_probs[t] += float(0.3 * rng.normal()), ref[t] += float(0.3 * rng.normal());
    mask[t] = rng.chance(0.7) ? 1.f : 0.f, entropy[t] = float(rng.uniform());
  }
  const TokenBatch batch{.offsets = offsets,
                         .advantages = advantages,
                         .log_probs = log_probs,
                         .old_log_probs = old,
                         .ref_log_probs = ref,
                         .entropy = entropy,
                         .mask = mask};
  const Objective objective{.kl_coefficient = 0.1f, .entropy_coefficient = 0.05f};
  std::vector<float> expected(tokens), gradient(tokens, 7.f), weights;
  ThreadPool pool(1);
  const BatchTotals totals = totals_of(batch);
  const ObjectiveReport cpu = evaluate(objective, batch, totals, {.log_probs = expected}, pool);
  for (const auto& c : objective_detail::completions_of(objective.aggregation, batch, totals))
    weights.push_back(c.weight);
  std::vector<ObjectiveReport> reports(5);
  run_on_host(5, 64, 1, [&](HostBlock& block) {
    objective_kernel(block, TokenObjective<ClippedSurrogate, K3>{{}, {}, 0.1f, 0.05f},
                     {.offsets = in(offsets),
                      .advantages = in(advantages),
                      .weights = in(weights),
                      .log_probs = in(log_probs),
                      .old_log_probs = in(old),
                      .ref_log_probs = in(ref),
                      .entropy = in(entropy),
                      .mask = in(mask),
                      .gradient = out(gradient),
                      .reports = out(reports)});
  });
  const auto all = std::accumulate(reports.begin(), reports.end(), ObjectiveReport{},
                                   [](ObjectiveReport sum, const auto& one) { return sum += one; });
  CHECK_THAT(all.value, WithinAbs(cpu.value, 1e-6));
  CHECK(all.tokens == cpu.tokens);
  CHECK_THAT(all.ratio_sum, WithinRel(cpu.ratio_sum, 1e-6));
  CHECK_THAT(all.kl_sum, WithinRel(cpu.kl_sum, 1e-5));
  CHECK_THAT(all.entropy_sum, WithinRel(cpu.entropy_sum, 1e-6));
  CHECK(all.clipped_low == cpu.clipped_low);
  CHECK(all.clipped_high == cpu.clipped_high);
  for (std::size_t t = 0; t < tokens; ++t) CHECK_THAT(gradient[t], WithinAbs(expected[t], 1e-7));
}

TEMPLATE_TEST_CASE("log_probs: forward and backward are the CPU's", "", float, BFloat16) {
  const std::size_t rows = 4, vocabulary = 700, stride = 704;
  auto logits = as<TestType>(normals(Rng(4), rows * stride, 3));
  logits[5] = TestType(-std::numeric_limits<float>::infinity());
  const std::vector<std::int64_t> targets{3, -1, 699, 0};
  const std::vector<float> g{1, 1, -0.5f, 2}, h{0, 0, 0.3f, -0.1f};
  struct Result {
    std::vector<float> log_probs = std::vector<float>(4), entropy = log_probs, lse = log_probs,
                       squares = log_probs;
  } cpu, cuda;
  ThreadPool pool(1);
  log_probs(LogitsView<const TestType>{logits.data(), rows, vocabulary, stride}, targets, 0.8f,
            {.log_probs = cpu.log_probs,
             .entropy = cpu.entropy,
             .log_sum_exp = cpu.lse,
             .sum_of_squares = cpu.squares},
            pool);
  run_on_host(4, 96, 2, [&](HostBlock& block) {
    log_probs_kernel(block, LogProbArguments<const TestType>{.logits = in(logits),
                                                             .vocabulary = vocabulary,
                                                             .stride = stride,
                                                             .targets = in(targets),
                                                             .temperature = 0.8f,
                                                             .log_probs = out(cuda.log_probs),
                                                             .entropy = out(cuda.entropy),
                                                             .log_sum_exp = out(cuda.lse),
                                                             .sum_of_squares = out(cuda.squares)});
  });
  for (std::size_t r = 0; r < rows; ++r) {
    CHECK_THAT(cuda.log_probs[r], WithinAbs(cpu.log_probs[r], 2e-6));
    CHECK_THAT(cuda.entropy[r], WithinAbs(cpu.entropy[r], 5e-6));
    CHECK_THAT(cuda.lse[r], WithinAbs(cpu.lse[r], 2e-6));
    CHECK_THAT(cuda.squares[r], WithinAbs(cpu.squares[r], 1e-6));
  }
  auto expected = logits, gradient = logits;
  log_probs_backward(LogitsView<TestType>{expected.data(), rows, vocabulary, stride}, targets, 0.8f,
                     {.log_sum_exp = cpu.lse,
                      .entropy = cpu.entropy,
                      .log_prob_gradients = g,
                      .entropy_gradients = h},
                     pool);
  run_on_host(4, 96, 3, [&](HostBlock& block) {
    log_probs_backward_kernel(block, LogProbArguments<TestType>{.logits = out(gradient),
                                                                .vocabulary = vocabulary,
                                                                .stride = stride,
                                                                .targets = in(targets),
                                                                .temperature = 0.8f,
                                                                .entropy = out(cpu.entropy),
                                                                .log_sum_exp = out(cpu.lse),
                                                                .log_prob_gradients = in(g),
                                                                .entropy_gradients = in(h)});
  });
  const double step = sizeof(TestType) == 2 ? 1. / 128 : 1e-5;
  for (std::size_t i = 0; i < gradient.size(); ++i)
    if (std::abs(float(gradient[i]) - float(expected[i])) >
        step * std::abs(double(float(expected[i]))) + 1e-7)
      FAIL("gradient " << i << ": " << float(gradient[i]) << " for " << float(expected[i]));
}

TEST_CASE("AdamW: squares, float32 and compact steps are the CPU's") {
  const std::size_t n = 5003;
  ThreadPool pool(1);
  auto weights = normals(Rng(5), n);
  std::vector<float> first(n), second(n);
  auto cuda_weights = weights, cuda_first = first, cuda_second = second;
  auto short_weights = as<BFloat16>(weights), cuda_short = short_weights;
  CompactMoments moments(n), cuda_moments(n);
  for (std::int64_t step = 1; step <= 3; ++step) {
    const auto gradients = normals(Rng(6).fork("step", std::uint64_t(step)), n);
    const auto short_gradients = as<BFloat16>(gradients);
    const AdamWStep settings{.step = step, .learning_rate = 1e-2, .key = 77};
    const AdamWTensor tensor{weights, gradients, first, second, 0};
    const double norm = adamw_step(std::span(&tensor, 1), settings, pool);
    const CompactAdamWTensor compact{short_weights, short_gradients, &moments, 0};
    adamw_step(std::span(&compact, 1), settings, pool);

    const auto factors = adamw_detail::factors_of(settings, norm, 0);
    std::vector<double> sums((n + adamw_block_elements - 1) / adamw_block_elements);
    run_on_host(int(sums.size()), 64, 4,
                [&](HostBlock& block) { squares_kernel(block, in(gradients), out(sums)); });
    CHECK_THAT(std::sqrt(std::accumulate(sums.begin(), sums.end(), 0.)), WithinRel(norm, 1e-6));
    run_on_host(int(sums.size()), 64, 5, [&](HostBlock& block) {
      adamw_kernel(block, factors,
                   {out(cuda_weights), in(gradients), out(cuda_first), out(cuda_second)});
    });
    run_on_host(int(CompactMoments::blocks(n)), 128, 6, [&](HostBlock& block) {
      compact_adamw_kernel(block, factors,
                           {out(cuda_short),
                            in(short_gradients),
                            out(cuda_moments.first),
                            out(cuda_moments.second),
                            out(cuda_moments.first_exponents),
                            out(cuda_moments.second_exponents),
                            {0, std::uint32_t(step)},
                            77});
    });
  }
  // Fused and separate roundings differ in the last bit, which now and then turns a random rounding.
  std::size_t different = 0;
  for (std::size_t i = 0; i < n; ++i) {
    REQUIRE_THAT(cuda_weights[i], WithinAbs(weights[i], 1e-6));
    different += short_weights[i].bits != cuda_short[i].bits;
    different += moments.first[i] != cuda_moments.first[i];
    different += moments.second[i] != cuda_moments.second[i];
  }
  CHECK(different < n / 100);
  CHECK(cuda_moments.second_exponents == moments.second_exponents);
}

TEST_CASE("group advantages are those of GroupRelative") {
  const std::vector<std::int64_t> offsets{0, 8, 9, 12, 12, 212};
  auto rewards = normals(Rng(7), 212);
  for (std::size_t i = 9; i < 12; ++i) rewards[i] = 0.3f;  // all equal: zero exactly
  std::vector<float> expected(212), advantages(212, 9.f);
  GroupRelative{}(GroupedSpan{rewards, offsets}, expected);
  run_on_host(5, 32, 8, [&](HostBlock& block) {
    group_advantage_kernel(block, in(rewards), in(offsets), 1e-6, out(advantages));
  });
  for (std::size_t i = 0; i < rewards.size(); ++i)
    CHECK_THAT(advantages[i], WithinAbs(expected[i], 1e-6));
}

TEST_CASE("masked sums are those of the plain loop") {
  const std::vector<std::int64_t> offsets{0, 300, 300, 333};
  const auto values = normals(Rng(8), 333);
  std::vector<float> mask(333);
  for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = i % 3 == 0 ? 1.f : 0.f;
  std::vector<MaskedSum> sums(3);
  run_on_host(3, 64, 9, [&](HostBlock& block) {
    masked_sum_kernel(block, in(values), in(mask), in(offsets), out(sums));
  });
  for (std::size_t c = 0; c < 3; ++c) {
    double sum = 0, count = 0;
    for (auto i = std::size_t(offsets[c]); i < std::size_t(offsets[c + 1]); ++i)
      if (mask[i] != 0) sum += double(values[i]), count += 1;
    CHECK_THAT(sums[c].sum, WithinAbs(sum, 1e-9));
    CHECK(sums[c].count == count);
  }
}
