// Bodies of log_probs.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/kernels/log_probs.hpp>
#include <visplay/kernels/log_probs_checks.hpp>
#include <visplay/kernels/log_probs_pass.hpp>

#include <algorithm>
#include <limits>
#include <string_view>

namespace visplay {
namespace log_probs_detail {

#ifndef VISPLAY_HEADER_ONLY
template <SimdLevel level, class Number>
LogProbPasses<Number> log_probs_passes_at();  // log_probs_unit.ipp
#endif

template <class Number>
LogProbPasses<Number> passes() {
#if defined(VISPLAY_SIMD_UNITS) && !defined(VISPLAY_HEADER_ONLY)
  return at_simd_level<SimdLevel::avx512>(
      simd_level(), []<SimdLevel level>() { return log_probs_passes_at<level, Number>(); });
#else
  return log_probs_pass::passes_here<Number>();
#endif
}

template <class Number>
void check_targets(const LogitsView<Number>& logits, std::span<const std::int64_t> targets) {
  for (std::size_t row = 0; row < targets.size(); ++row)
    check(targets[row] < std::int64_t(logits.vocabulary),
          "log_probs: row {}: target {} is not below the vocabulary's {}", row, targets[row],
          logits.vocabulary);
}

/// Rows that a thread takes at a time: about 64 Ki logits.
inline std::size_t rows_at_a_time(std::size_t vocabulary) {
  return std::max<std::size_t>(1, 65536 / vocabulary);
}

template <class Number>
class Forward {
 public:
  Forward(const LogitsView<const Number>& logits, std::span<const std::int64_t> targets,
          float temperature, const LogProbOutputs& out)
      : logits_(logits),
        targets_(targets),
        factor_(factor_of(temperature)),
        out_(out),
        passes_(passes<Number>()) {}

  void operator()(std::size_t begin, std::size_t end) const {
    for (std::size_t row = begin; row < end; ++row) targets_[row] < 0 ? ignore(row) : take(row);
  }

 private:
  void ignore(std::size_t row) const {
    for (const auto& values : {out_.log_probs, out_.entropy, out_.log_sum_exp, out_.sum_of_squares})
      if (!values.empty()) values[row] = 0;
    std::fill_n(out_.top_log_probs.begin() + std::ptrdiff_t(row * out_.top_k), out_.top_k, 0.f);
    std::fill_n(out_.top_ids.begin() + std::ptrdiff_t(row * out_.top_k), out_.top_k, -1);
  }
  void take(std::size_t row) const {
    const Number* from = logits_.data + row * logits_.stride;
    Largest largest{out_.top_log_probs.data() + row * out_.top_k,
                    out_.top_ids.data() + row * out_.top_k, out_.top_k};
    RowSums sums;
    passes_.sums(from, logits_.vocabulary, factor_, !out_.sum_of_squares.empty(), &sums,
                 out_.top_k > 0 ? &largest : nullptr);
    const auto log_prob = [&](float x) { return float(sums.log_prob(x, factor_)); };
    if (!out_.log_probs.empty()) out_.log_probs[row] = log_prob(from[targets_[row]]);
    if (!out_.entropy.empty()) out_.entropy[row] = float(sums.entropy());
    if (!out_.log_sum_exp.empty()) out_.log_sum_exp[row] = float(sums.log_sum_exp());
    if (!out_.sum_of_squares.empty()) out_.sum_of_squares[row] = float(sums.sum_of_squares());
    for (std::size_t i = 0; i < out_.top_k; ++i) largest.values[i] = log_prob(largest.values[i]);
  }

  const LogitsView<const Number>& logits_;
  std::span<const std::int64_t> targets_;
  float factor_;
  const LogProbOutputs& out_;
  LogProbPasses<Number> passes_;
};

template <class Number>
void forward(const LogitsView<const Number>& logits, std::span<const std::int64_t> targets,
             float temperature, const LogProbOutputs& out, ThreadPool& pool) {
  check_logits(logits, targets.size(), temperature);
  check_targets(logits, targets);
  check_output(out, logits.rows, logits.vocabulary);
  parallel_for(pool, logits.rows, rows_at_a_time(logits.vocabulary),
               Forward<Number>(logits, targets, temperature, out));
}

template <class Number>
void backward(const LogitsView<Number>& logits, std::span<const std::int64_t> targets,
              float temperature, const LogProbGradients& given, ThreadPool& pool) {
  check_logits(logits, targets.size(), temperature);
  check_targets(logits, targets);
  check_gradients(given, logits.rows);
  const bool has_entropy = !given.entropy_gradients.empty();
  const LogProbPasses<Number> use = passes<Number>();
  const float factor = factor_of(temperature);
  const auto one = [&](std::size_t row) {
    Number* at = logits.data + row * logits.stride;
    const bool ignored = targets[row] < 0;
    const std::size_t kept = ignored ? 0 : logits.vocabulary;
    std::fill(at + kept, at + logits.stride, Number(0.f));
    if (ignored) return;
    const double g = double(given.log_prob_gradients[row]);
    const double h = has_entropy ? double(given.entropy_gradients[row]) : 0;
    const double entropy = has_entropy ? double(given.entropy[row]) : 0;
    const double t = double(temperature), lse = double(given.log_sum_exp[row]);
    const double log_p = double(float(at[targets[row]])) / t - lse;
    use.gradient(at, logits.vocabulary, factor, slope_of(g, h, lse, entropy, t));
    at[targets[row]] = Number(float(slope_at_target(g, h, log_p, entropy, t)));
  };
  parallel_for(pool, logits.rows, rows_at_a_time(logits.vocabulary),
               [&](std::size_t begin, std::size_t end) {
                 for (std::size_t row = begin; row < end; ++row) one(row);
               });
}

}  // namespace log_probs_detail

#define VISPLAY_LOG_PROBS_OF(Number)                                                               \
  VISPLAY_INLINE void log_probs(const LogitsView<const Number>& logits,                            \
                                std::span<const std::int64_t> targets, float temperature,          \
                                const LogProbOutputs& out, ThreadPool& pool) {                     \
    log_probs_detail::forward(logits, targets, temperature, out, pool);                            \
  }                                                                                                \
  VISPLAY_INLINE void log_probs_backward(const LogitsView<Number>& logits,                         \
                                         std::span<const std::int64_t> targets, float temperature, \
                                         const LogProbGradients& gradients, ThreadPool& pool) {    \
    log_probs_detail::backward(logits, targets, temperature, gradients, pool);                     \
  }

VISPLAY_LOG_PROBS_OF(float)
VISPLAY_LOG_PROBS_OF(BFloat16)
VISPLAY_LOG_PROBS_OF(Float16)
#undef VISPLAY_LOG_PROBS_OF

}  // namespace visplay
