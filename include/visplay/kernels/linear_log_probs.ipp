// Bodies of linear_log_probs.hpp: checks, the choice of a level, working memory.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/huge_buffer.hpp>
#include <visplay/kernels/linear_log_probs.hpp>
#include <visplay/kernels/linear_log_probs_checks.hpp>
#include <visplay/kernels/linear_log_probs_plan.hpp>

#ifndef VISPLAY_SIMD_UNITS
#include <visplay/kernels/linear_log_probs_pass.hpp>
#endif

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace visplay {
namespace linear_log_probs_detail {

VISPLAY_INLINE Passes passes_in_use([[maybe_unused]] FloatType type) {
#ifdef VISPLAY_SIMD_UNITS
  // Other types gain nothing from the levels that add products of bfloat16.
  const SimdLevel level =
      type == FloatType::bfloat16 ? simd_level() : std::min(simd_level(), SimdLevel::avx512);
  return at_simd_level<SimdLevel::amx>(level, [&]<SimdLevel at>() { return passes_at<at>(type); });
#else
  return matrix::passes_here(type, simd_level());
#endif
}

/// Values of tokens in whole registers: rounded up to 32, what lies beyond is zero.
VISPLAY_INLINE std::vector<float> padded_tokens(std::span<const float> values, std::int64_t tokens,
                                                float factor = 1) {
  std::vector<float> padded(std::size_t(ceil_div(tokens, 32) * 32));
  for (std::size_t i = 0; i < values.size(); ++i) padded[i] = factor * values[i];
  return padded;
}

/// A checked call.
struct Call {
  Call(const LinearLogProbsInput& in, ThreadPool& pool) : passes(passes_in_use(in.hidden.type)) {
    check_input(in);
    const std::int64_t vocabulary = in.vocabulary > 0 ? in.vocabulary : in.head.rows;
    targets.assign(std::size_t(ceil_div(in.hidden.rows, 32) * 32), -1);
    for (std::size_t i = 0; i < in.targets.size(); ++i) {
      check(in.targets[i] < vocabulary,
            "linear_log_probs: expected target {} in [0, {}) or negative, got {}", i, vocabulary,
            in.targets[i]);
      targets[i] = in.targets[i] < 0 ? -1 : std::int32_t(in.targets[i]);
    }
    // Below some two million operations a second thread costs more than it brings.
    const double work = double(in.hidden.rows) * double(vocabulary) * double(in.hidden.columns);
    plan = {in.hidden,          in.head,
            targets.data(),     vocabulary,
            1 / in.temperature, work < 1e6 ? &alone : &pool};
  }

  void forward(const LinearLogProbsOutput& out) {
    const auto n = targets.size();
    std::vector<float> spare(4 * n);
    const auto place = [&](std::span<float> wanted, std::size_t i) {
      return wanted.empty() ? spare.data() + i * n : wanted.data();
    };
    const ForwardResult result{place(out.log_probs, 0),   place(out.entropy, 1),
                               place(out.sum_squares, 2), place(out.log_sums, 3),
                               out.top_log_probs.data(),  out.top_ids.data()};
    plan.top_k = out.top_k;
    passes.forward(plan, result, memory().reserve(passes.forward_bytes(plan)));
  }

  void backward(std::span<const float> log_sums, std::span<const float> entropy,
                const LinearLogProbsCoefficients& coefficients,
                const LinearLogProbsGradient& gradient) {
    const std::int64_t n = plan.tokens();
    if (n == 0) return clear(gradient.head);
    auto by_log_prob = padded_tokens(coefficients.log_probs, n, plan.inverse_temperature);
    auto by_entropy = padded_tokens(coefficients.entropy, n, plan.inverse_temperature);
    for (std::int64_t i = 0; i < n; ++i)
      if (targets[std::size_t(i)] < 0) by_log_prob[std::size_t(i)] = by_entropy[std::size_t(i)] = 0;
    const auto sums = padded_tokens(log_sums, n), entropies = padded_tokens(entropy, n);
    const BackwardInput input{sums.data(),       entropies.data(), by_log_prob.data(),
                              by_entropy.data(), gradient.hidden,  gradient.head};
    passes.backward(plan, input, memory().reserve(passes.backward_bytes(plan)));
  }

  static void clear(const MutableFloatMatrix& m) {
    const std::int64_t bytes = bytes_of(m.type);
    for (std::int64_t r = 0; m.data && r < m.rows; ++r)
      std::memset(static_cast<std::byte*>(m.data) + r * m.stride * bytes, 0,
                  std::size_t(m.columns * bytes));
  }

  static HugeBuffer& memory() {
    thread_local HugeBuffer buffer;
    return buffer;
  }

  Passes passes;
  std::vector<std::int32_t> targets;
  ThreadPool alone{1};
  Plan plan;
};

}  // namespace linear_log_probs_detail

VISPLAY_INLINE void linear_log_probs(const LinearLogProbsInput& input,
                                     const LinearLogProbsOutput& output, ThreadPool& pool) {
  linear_log_probs_detail::Call call(input, pool);
  linear_log_probs_detail::check_output(input, output);
  if (input.hidden.rows > 0) call.forward(output);
}

VISPLAY_INLINE void linear_log_probs_backward(const LinearLogProbsInput& input,
                                              std::span<const float> log_sums,
                                              std::span<const float> entropy,
                                              const LinearLogProbsCoefficients& coefficients,
                                              const LinearLogProbsGradient& gradient,
                                              ThreadPool& pool) {
  linear_log_probs_detail::Call call(input, pool);
  linear_log_probs_detail::check_backward(input, log_sums.size(), entropy.size(), coefficients,
                                          gradient);
  call.backward(log_sums, entropy, coefficients, gradient);
}

VISPLAY_INLINE void linear_log_probs_with_gradient(const LinearLogProbsInput& input,
                                                   const LinearLogProbsOutput& output,
                                                   const CoefficientsOf& coefficients_of,
                                                   const LinearLogProbsGradient& gradient,
                                                   ThreadPool& pool) {
  linear_log_probs_detail::Call call(input, pool);
  linear_log_probs_detail::check_output(input, output);
  const std::size_t n = input.targets.size();
  std::vector<float> spare(3 * n);
  LinearLogProbsOutput out = output;
  const auto need = [&](std::span<float>& of, std::size_t i) {
    if (of.empty()) of = std::span(spare).subspan(i * n, n);
  };
  need(out.log_probs, 0);
  need(out.entropy, 1);
  need(out.log_sums, 2);
  if (n > 0) call.forward(out);
  const LinearLogProbsCoefficients by = coefficients_of(out.log_probs, out.entropy);
  linear_log_probs_detail::check_backward(input, n, n, by, gradient);
  call.backward(out.log_sums, out.entropy, by, gradient);
}

}  // namespace visplay
