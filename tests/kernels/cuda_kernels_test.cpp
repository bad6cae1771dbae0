// The CUDA kernels of log_probs, AdamW and groups, run by the host executor, against the CPU kernels.
// cuda_objective_test.cpp and cuda_linear_log_probs_test.cpp have the others.
#include <visplay/advantage/group_relative.hpp>
#include <visplay/core/rng.hpp>
#include <visplay/kernels/adamw.hpp>
#include <visplay/kernels/cuda/adamw_driver.hpp>
#include <visplay/kernels/cuda/group_kernel.hpp>
#include <visplay/kernels/cuda/host_executor.hpp>
#include <visplay/kernels/cuda/log_probs_kernel.hpp>
#include <visplay/kernels/log_probs.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <cmath>
#include <limits>
#include <span>
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

TEMPLATE_TEST_CASE("log_probs: forward and backward are the CPU's", "", float, BFloat16, Float16) {
  // Rows of the second stride begin anywhere, so their ends are no whole vectors.
  const std::size_t rows = 4, vocabulary = 700, stride = GENERATE(704, 705);
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
  run_on_host(4, 96, 2,
              LogProbsKernel<TestType>{.logits = in(logits),
                                       .vocabulary = vocabulary,
                                       .stride = stride,
                                       .targets = in(targets),
                                       .temperature = 0.8f,
                                       .log_probs = out(cuda.log_probs),
                                       .entropy = out(cuda.entropy),
                                       .log_sum_exp = out(cuda.lse),
                                       .sum_of_squares = out(cuda.squares)});
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
  run_on_host(4, 96, 3,
              LogProbsBackwardKernel<TestType>{.logits = out(gradient),
                                               .vocabulary = vocabulary,
                                               .stride = stride,
                                               .targets = in(targets),
                                               .temperature = 0.8f,
                                               .entropy = in(cpu.entropy),
                                               .log_sum_exp = in(cpu.lse),
                                               .log_prob_gradients = in(g),
                                               .entropy_gradients = in(h)});
  const double step = sizeof(TestType) == 2 ? 1. / 128 : 1e-5;
  for (std::size_t i = 0; i < gradient.size(); ++i)
    if (std::abs(float(gradient[i]) - float(expected[i])) >
        step * std::abs(double(float(expected[i]))) + 1e-7)
      FAIL("gradient " << i << ": " << float(gradient[i]) << " for " << float(expected[i]));
}

TEST_CASE(
    "log_probs: NaN logits and targets beyond the vocabulary give NaN, masked rows what is left") {
  std::vector<float> logits(3 * 64, 0.5f), log_probs(3), entropy(3);
  logits[40] = std::numeric_limits<float>::quiet_NaN();
  for (std::size_t j = 0; j < 62; ++j) logits[128 + j] = -std::numeric_limits<float>::infinity();
  const std::vector<std::int64_t> targets{0, 64, 63};
  run_on_host(3, 32, 1,
              LogProbsKernel<float>{.logits = in(logits),
                                    .vocabulary = 64,
                                    .stride = 64,
                                    .targets = in(targets),
                                    .log_probs = out(log_probs),
                                    .entropy = out(entropy)});
  CHECK(std::isnan(log_probs[0]));
  CHECK(std::isnan(log_probs[1]));
  CHECK_THAT(entropy[1], WithinAbs(std::log(64), 1e-6));
  CHECK_THAT(log_probs[2], WithinAbs(-std::log(2), 1e-6));
}

namespace {

/// Masked logits alone before column 1,000, or after it, or every other one.
std::vector<float> masked_rows(float masked, std::size_t vocabulary) {
  auto logits = normals(Rng(9), 3 * vocabulary, 3);
  for (std::size_t j = 0; j < vocabulary; ++j) {
    if (j < 1000) logits[j] = masked;
    if (j >= 1000) logits[vocabulary + j] = masked;
    if (j % 2 == 0) logits[2 * vocabulary + j] = masked;
  }
  return logits;
}

}  // namespace

TEST_CASE("log_probs: masks of any large negative value give the CPU's results") {
  const float masked = GENERATE(-1e38f, -3e38f, -std::numeric_limits<float>::max(),
                                -std::numeric_limits<float>::infinity());
  const float temperature = GENERATE(0.4f, 1.f);
  INFO(masked << " at " << temperature);
  const std::size_t vocabulary = 1027;  // threads of the first row have masked logits alone, too
  const auto logits = masked_rows(masked, vocabulary);
  const std::vector<std::int64_t> targets{1001, 5, 7};
  std::vector<float> cpu[3], cuda[3];
  for (int i = 0; i < 3; ++i) cpu[i].resize(3), cuda[i].resize(3);
  ThreadPool pool(1);
  log_probs(LogitsView<const float>{logits.data(), 3, vocabulary, vocabulary}, targets, temperature,
            {.log_probs = cpu[0], .entropy = cpu[1], .sum_of_squares = cpu[2]}, pool);
  run_on_host(3, 64, 1,
              LogProbsKernel<float>{.logits = in(logits),
                                    .vocabulary = vocabulary,
                                    .stride = vocabulary,
                                    .targets = in(targets),
                                    .temperature = temperature,
                                    .log_probs = out(cuda[0]),
                                    .entropy = out(cuda[1]),
                                    .sum_of_squares = out(cuda[2])});
  for (int i = 0; i < 3; ++i)
    for (std::size_t r = 0; r < 3; ++r) CHECK_THAT(cuda[i][r], WithinAbs(cpu[i][r], 5e-6));
}

TEST_CASE("log_probs: a masked target has the CPU's gradient") {
  const float masked =
      GENERATE(-1e38f, -std::numeric_limits<float>::max(), -std::numeric_limits<float>::infinity());
  const float temperature = GENERATE(0.25f, 1.f);
  std::vector<float> logits = normals(Rng(3), 64), lse(1), entropy(1);
  logits[5] = masked;
  const std::vector<std::int64_t> targets{5};
  const std::vector<float> g{0.5f}, h{0.25f};
  ThreadPool pool(1);
  log_probs(LogitsView<const float>{logits.data(), 1, 64, 64}, targets, temperature,
            {.entropy = entropy, .log_sum_exp = lse}, pool);
  auto expected = logits;
  log_probs_backward(
      LogitsView<float>{expected.data(), 1, 64, 64}, targets, temperature,
      {.log_sum_exp = lse, .entropy = entropy, .log_prob_gradients = g, .entropy_gradients = h},
      pool);
  run_on_host(1, 32, 1,
              LogProbsBackwardKernel<float>{.logits = out(logits),
                                            .vocabulary = 64,
                                            .stride = 64,
                                            .targets = in(targets),
                                            .temperature = temperature,
                                            .entropy = in(entropy),
                                            .log_sum_exp = in(lse),
                                            .log_prob_gradients = in(g),
                                            .entropy_gradients = in(h)});
  CHECK_THAT(expected[5], WithinAbs(0.5 / double(temperature), 1e-6));
  for (std::size_t j = 0; j < 64; ++j) CHECK_THAT(logits[j], WithinAbs(expected[j], 1e-6));
}

TEMPLATE_TEST_CASE("log_probs: the top k are the CPU's, ties, NaN and masked ones included", "",
                   float, BFloat16, Float16) {
  const std::size_t rows = 5, vocabulary = 301, stride = GENERATE(304, 305);
  auto values = normals(Rng(4), rows * stride, 2);
  for (std::size_t j = 0; j < vocabulary; ++j) {
    values[j] = float(j % 3);  // ties
    if (j % 50 != 7) values[2 * stride + j] = -std::numeric_limits<float>::infinity();
    values[3 * stride + j] = j % 2 == 0 ? 0.f : -0.f;  // equal
    values[4 * stride + j] = float(j);                 // each larger than the one before
  }
  const auto logits = as<TestType>(values);
  const std::vector<std::int64_t> targets{3, -1, 7, 0, 300};
  for (const std::size_t k : {std::size_t(1), std::size_t(20), vocabulary}) {
    std::vector<float> cpu(rows * k), cuda(rows * k, 7.f);
    std::vector<std::int32_t> cpu_ids(rows * k), ids(rows * k, 7);
    ThreadPool pool(1);
    log_probs(LogitsView<const TestType>{logits.data(), rows, vocabulary, stride}, targets, 0.7f,
              {.top_k = k, .top_log_probs = cpu, .top_ids = cpu_ids}, pool);
    run_on_host(int(rows), 64, 2,
                LogProbsKernel<TestType, true>{.logits = in(logits),
                                               .vocabulary = vocabulary,
                                               .stride = stride,
                                               .targets = in(targets),
                                               .temperature = 0.7f,
                                               .top_k = k,
                                               .top_log_probs = out(cuda),
                                               .top_ids = out(ids)});
    CHECK(ids == cpu_ids);
    for (std::size_t i = 0; i < cuda.size(); ++i)
      if (!(cuda[i] == cpu[i] || std::abs(cuda[i] - cpu[i]) < 2e-6f * (1 + std::abs(cpu[i]))))
        FAIL("k " << k << ", place " << i << ": " << cuda[i] << " for " << cpu[i]);
  }
}

TEST_CASE("log_probs: among the top k NaN is -infinity, at a tie the lower id first") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> logits{nan, -std::numeric_limits<float>::infinity(), 1, nan, -5, 1, 2};
  const std::vector<std::int64_t> targets{0};
  std::vector<float> values(7);
  std::vector<std::int32_t> ids(7);
  run_on_host(1, 32, 2,
              LogProbsKernel<float, true>{.logits = in(logits),
                                          .vocabulary = 7,
                                          .stride = 7,
                                          .targets = in(targets),
                                          .top_k = 7,
                                          .top_log_probs = out(values),
                                          .top_ids = out(ids)});
  CHECK(ids == std::vector<std::int32_t>{6, 2, 5, 4, 0, 1, 3});
}

TEST_CASE("log_probs: a row of masked logits alone has no sum, a NaN in one is seen") {
  const float masked =
      GENERATE(-std::numeric_limits<float>::max(), -std::numeric_limits<float>::infinity());
  std::vector<float> logits(2 * 64, masked), log_sum_exp(2), entropy(2);
  logits[64 + 33] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<std::int64_t> targets{0, 0};
  run_on_host(2, 32, 1,
              LogProbsKernel<float>{.logits = in(logits),
                                    .vocabulary = 64,
                                    .stride = 64,
                                    .targets = in(targets),
                                    .entropy = out(entropy),
                                    .log_sum_exp = out(log_sum_exp)});
  CHECK(log_sum_exp[0] == -std::numeric_limits<float>::infinity());
  CHECK(std::isnan(entropy[0]));
  CHECK(std::isnan(log_sum_exp[1]));
}

namespace {

/// Two tensors in float32 and in the compact form, and their moments; all with an element in front, so
/// that a tensor may begin where no vector does.
struct Tensors {
  static constexpr std::size_t sizes[] = {5003, 70};
  std::vector<float> weights[2], first[2], second[2];
  std::vector<BFloat16> short_weights[2];
  CompactMoments moments[2];

  explicit Tensors(std::size_t skip) : skip(skip) {
    for (std::size_t i = 0; i < 2; ++i) {
      weights[i] = normals(Rng(5).fork("weights", i), sizes[i] + 1);
      first[i].resize(sizes[i] + 1), second[i].resize(sizes[i] + 1);
      short_weights[i] = as<BFloat16>(weights[i]);
      moments[i] = CompactMoments(sizes[i]);
    }
  }
  template <class T>
  [[nodiscard]] std::span<T> part(std::vector<T>& of, std::size_t i) const {
    return std::span(of).subspan(skip, sizes[i]);
  }
  std::vector<AdamWTensor> tensors(std::vector<float>* gradients) {
    std::vector<AdamWTensor> list;
    for (std::size_t i = 0; i < 2; ++i)
      list.push_back({part(weights[i], i), part(gradients[i], i), part(first[i], i),
                      part(second[i], i), 0.1f * float(i)});
    return list;
  }
  std::vector<CompactAdamWTensor> compact(std::vector<BFloat16>* gradients) {
    std::vector<CompactAdamWTensor> list;
    for (std::size_t i = 0; i < 2; ++i)
      list.push_back({part(short_weights[i], i), part(gradients[i], i), &moments[i], 0});
    return list;
  }
  std::vector<cuda::CompactAdamWTensor> compact_cuda(std::vector<BFloat16>* gradients) {
    std::vector<cuda::CompactAdamWTensor> list;
    for (std::size_t i = 0; i < 2; ++i)
      list.push_back({part(short_weights[i], i), part(gradients[i], i), moments[i].first,
                      moments[i].second, moments[i].first_exponents, moments[i].second_exponents,
                      0});
    return list;
  }
  std::size_t skip;
};

template <class Tensor>
double step_on_host(const std::vector<Tensor>& tensors, const AdamWStep& settings) {
  cuda::HostExecutor executor(std::uint64_t(settings.step));
  std::vector<double> parts(cuda::norm_parts(std::span(tensors))), norm(1);
  cuda::adamw_step(executor, std::span(tensors), settings, out(parts), out(norm));
  return norm[0];
}

}  // namespace

TEST_CASE("AdamW: norm, clipping, float32 and compact steps are the CPU's") {
  const std::size_t skip = GENERATE(0, 1);
  ThreadPool pool(1);
  Tensors cpu(skip), cuda(skip);
  for (std::int64_t step = 1; step <= 3; ++step) {
    std::vector<float> gradients[2];
    std::vector<BFloat16> short_gradients[2];
    for (std::size_t i = 0; i < 2; ++i) {
      const Rng rng = Rng(6).fork("step", std::uint64_t(step) * 2 + i);
      gradients[i] = normals(rng, Tensors::sizes[i] + 1);
      short_gradients[i] = as<BFloat16>(gradients[i]);
    }
    const AdamWStep settings{
        .step = step, .learning_rate = 1e-2, .max_grad_norm = step == 2 ? 1. : 0., .key = 77};
    const double norm = adamw_step(cpu.tensors(gradients), settings, pool);
    CHECK_THAT(step_on_host(cuda.tensors(gradients), settings), WithinRel(norm, 1e-6));
    const double short_norm = adamw_step(cpu.compact(short_gradients), settings, pool);
    AdamWStep with_norm = settings;  // of the last step; others compute theirs
    if (step == 3) with_norm.grad_norm = short_norm;
    CHECK_THAT(step_on_host(cuda.compact_cuda(short_gradients), with_norm),
               WithinRel(short_norm, step == 3 ? 0 : 1e-6));
  }
  // Fused and separate roundings differ in the last bit, which now and then turns a random rounding.
  std::size_t different = 0;
  for (std::size_t t = 0; t < 2; ++t) {
    for (std::size_t i = 0; i < Tensors::sizes[t]; ++i) {
      REQUIRE_THAT(cuda.weights[t][i], WithinAbs(cpu.weights[t][i], 1e-6));
      different += cpu.short_weights[t][i].bits != cuda.short_weights[t][i].bits;
      different += cpu.moments[t].first[i] != cuda.moments[t].first[i];
      different += cpu.moments[t].second[i] != cuda.moments[t].second[i];
    }
    CHECK(cuda.moments[t].second_exponents == cpu.moments[t].second_exponents);
  }
  CHECK(different < Tensors::sizes[0] / 100);
}

namespace {

/// A HostExecutor that counts launches.
struct CountingExecutor : cuda::HostExecutor {
  using HostExecutor::HostExecutor;
  template <class Kernel>
  void run(std::size_t blocks, const Kernel& kernel) {
    launches += blocks > 0;
    HostExecutor::run(blocks, kernel);
  }
  std::size_t launches = 0;
};

}  // namespace

TEST_CASE("AdamW: a hundred tensors, empty ones and ones without gradients, go in a few launches") {
  constexpr std::size_t count = 100;
  std::vector<std::vector<float>> weights, gradients, first, second;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t n = i % 10 == 3 ? 0 : i == 50 ? 9000 : 1 + i;
    weights.push_back(normals(Rng(5).fork("w", i), n));
    gradients.push_back(normals(Rng(5).fork("g", i), i % 10 == 4 ? 0 : n));
    first.emplace_back(n), second.emplace_back(n);
  }
  auto other_weights = weights, other_first = first, other_second = second;
  const auto tensors = [&](auto& w, auto& m, auto& v) {
    std::vector<AdamWTensor> list;
    for (std::size_t i = 0; i < count; ++i)
      list.push_back({w[i], gradients[i], m[i], v[i], i % 2 == 0 ? 0.1f : 0.f});
    return list;
  };
  const AdamWStep settings{.learning_rate = 1e-2, .max_grad_norm = 1};
  ThreadPool pool(1);
  const double norm = adamw_step(tensors(weights, first, second), settings, pool);
  const auto list = tensors(other_weights, other_first, other_second);
  std::vector<double> parts(cuda::norm_parts(std::span(list))), other_norm(1);
  CountingExecutor executor(1);
  cuda::adamw_step(executor, std::span(list), settings, out(parts), out(other_norm));
  CHECK_THAT(other_norm[0], WithinRel(norm, 1e-6));
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t j = 0; j < weights[i].size(); ++j)
      REQUIRE_THAT(other_weights[i][j], WithinAbs(weights[i][j], 1e-6));
  CHECK(executor.launches <= 7);  // 4,000 bytes of arguments each: 2 of squares, 1 norm, 4 of steps
}

TEST_CASE("AdamW: a norm that is not finite changes nothing") {
  Tensors cuda(0);
  const Tensors before = cuda;
  std::vector<float> gradients[2];
  std::vector<BFloat16> short_gradients[2];
  for (std::size_t i = 0; i < 2; ++i) {
    gradients[i].resize(Tensors::sizes[i] + 1, 1.f);
    gradients[i][7] = std::numeric_limits<float>::infinity();
    short_gradients[i] = as<BFloat16>(gradients[i]);
  }
  CHECK_FALSE(std::isfinite(step_on_host(cuda.tensors(gradients), {})));
  CHECK_FALSE(std::isfinite(step_on_host(cuda.compact_cuda(short_gradients), {})));
  CHECK(cuda.weights[0] == before.weights[0]);
  CHECK(cuda.second[1] == before.second[1]);
  CHECK(cuda.moments[0].second_exponents == before.moments[0].second_exponents);
}

TEST_CASE("group advantages are those of GroupRelative") {
  const std::vector<std::int64_t> offsets{0, 8, 9, 12, 12, 212};
  auto rewards = normals(Rng(7), 212);
  for (std::size_t i = 9; i < 12; ++i) rewards[i] = 0.3f;  // all equal: zero exactly
  std::vector<float> expected(212), advantages(212, 9.f);
  GroupRelative{}(GroupedSpan{rewards, offsets}, expected);
  run_on_host(5, 32, 8, GroupAdvantageKernel{in(rewards), in(offsets), 1e-6, out(advantages)});
  for (std::size_t i = 0; i < rewards.size(); ++i)
    CHECK_THAT(advantages[i], WithinAbs(expected[i], 1e-6));
}

TEST_CASE("masked sums are those of the plain loop") {
  const std::vector<std::int64_t> offsets{0, 300, 300, 333};
  const auto values = normals(Rng(8), 333);
  std::vector<float> mask(333);
  for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = i % 3 == 0 ? 1.f : 0.f;
  std::vector<MaskedSum> sums(3);
  run_on_host(3, 64, 9, MaskedSumKernel{in(values), in(mask), in(offsets), out(sums)});
  for (std::size_t c = 0; c < 3; ++c) {
    double sum = 0, count = 0;
    for (auto i = std::size_t(offsets[c]); i < std::size_t(offsets[c + 1]); ++i)
      if (mask[i] != 0) sum += double(values[i]), count += 1;
    CHECK_THAT(sums[c].sum, WithinAbs(sum, 1e-9));
    CHECK(sums[c].count == count);
  }
}
