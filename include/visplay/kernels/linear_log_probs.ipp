// Bodies of linear_log_probs.hpp: checks, the choice of a level, working memory.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/huge_buffer.hpp>
#include <visplay/kernels/linear_log_probs.hpp>
#include <visplay/kernels/linear_log_probs_checks.hpp>
#include <visplay/kernels/linear_log_probs_plan.hpp>
#include <visplay/kernels/log_probs_formula.hpp>

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
    plan = {in.hidden,
            in.head,
            targets.data(),
            vocabulary,
            log_probs_detail::factor_of(in.temperature),
            work < 1e6 ? &alone : &pool};
    temperature = double(in.temperature);
  }

  void forward(const LinearLogProbsOutput& out) {
    const auto n = targets.size();
    std::vector<float> spare(4 * n);
    const auto place = [&](std::span<float> wanted, std::size_t i) {
      return wanted.empty() ? spare.data() + i * n : wanted.data();
    };
    const ForwardResult result{place(out.log_probs, 0),
                               place(out.entropy, 1),
                               place(out.sum_squares, 2),
                               place(out.log_sum_exp, 3),
                               out.top_log_probs.data(),
                               out.top_ids.data(),
                               out.kept};
    plan.top_k = out.top_k;
    passes.forward(plan, result, memory().reserve(passes.forward_bytes(plan)));
  }

  void backward(std::span<const float> log_sum_exp, std::span<const float> entropy,
                const LinearLogProbsCoefficients& coefficients,
                const LinearLogProbsGradient& gradient, std::span<const std::byte> kept) {
    const std::int64_t n = plan.tokens();
    if (n == 0) return clear(gradient.head);
    const std::size_t padded = targets.size();
    std::vector<float> of_tokens(4 * padded);  // zero where a row is ignored
    float *a = of_tokens.data(), *b = a + padded, *reference = b + padded,
          *by_log_prob = reference + padded;
    // A power of 0, however large an ignored row's logits are.
    std::fill_n(reference, padded, 1e30f);
    const auto value = [](std::span<const float> of, std::size_t i) {
      return of.empty() ? 0. : double(of[i]);
    };
    for (std::size_t i = 0; i < std::size_t(n); ++i) {
      if (targets[i] < 0) continue;
      const double g = value(coefficients.log_probs, i), h = value(coefficients.entropy, i);
      const auto slope =
          log_probs_detail::slope_of(g, h, double(log_sum_exp[i]), value(entropy, i), temperature);
      a[i] = slope.a, b[i] = slope.b, reference[i] = slope.reference;
      by_log_prob[i] = float(g / temperature);
    }
    const BackwardInput input{a, b, reference, by_log_prob, gradient.hidden, gradient.head, kept};
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
  double temperature = 1;
};

}  // namespace linear_log_probs_detail

VISPLAY_INLINE void linear_log_probs(const LinearLogProbsInput& input,
                                     const LinearLogProbsOutput& output, ThreadPool& pool) {
  linear_log_probs_detail::Call call(input, pool);
  linear_log_probs_detail::check_output(input, output);
  if (input.hidden.rows > 0) call.forward(output);
}

VISPLAY_INLINE void linear_log_probs_backward(const LinearLogProbsInput& input,
                                              std::span<const float> log_sum_exp,
                                              std::span<const float> entropy,
                                              const LinearLogProbsCoefficients& coefficients,
                                              const LinearLogProbsGradient& gradient,
                                              ThreadPool& pool, std::span<const std::byte> kept) {
  linear_log_probs_detail::Call call(input, pool);
  linear_log_probs_detail::check_backward(input, log_sum_exp.size(), entropy.size(), coefficients,
                                          gradient);
  call.backward(log_sum_exp, entropy, coefficients, gradient, kept);
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
  need(out.log_sum_exp, 2);
  if (n > 0) call.forward(out);
  const LinearLogProbsCoefficients by = coefficients_of(out.log_probs, out.entropy);
  linear_log_probs_detail::check_backward(input, n, n, by, gradient);
  call.backward(out.log_sum_exp, out.entropy, by, gradient, out.kept);
}

}  // namespace visplay
