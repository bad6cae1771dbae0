// What a call of linear_log_probs has to fit, on the CPU and on CUDA: shapes and types, nothing of the
// memory behind them. Each throws Error with one line.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/kernels/linear_log_probs.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace visplay::linear_log_probs_detail {

inline void check_matrix(const FloatMatrix& m, std::string_view name) {
  check(m.rows >= 0 && m.columns >= 0 && m.stride >= m.columns && (m.data || m.rows == 0),
        "linear_log_probs: {} is no matrix: {} x {}, stride {}", name, m.rows, m.columns, m.stride);
}

inline void check_input(const LinearLogProbsInput& in) {
  check_matrix(in.hidden, "hidden");
  check_matrix(in.head, "head");
  check(
      in.hidden.columns == in.head.columns && in.hidden.columns > 0 &&
          in.hidden.type == in.head.type,
      "linear_log_probs: expected hidden [N, H] and head [V, H] of one type and H > 0, got {} of H "
      "{} and {} of H {}",
      name_of(in.hidden.type), in.hidden.columns, name_of(in.head.type), in.head.columns);
  check(in.head.rows > 0 && in.head.rows < std::numeric_limits<std::int32_t>::max() - 64 &&
            in.vocabulary >= 0 && in.vocabulary <= in.head.rows,
        "linear_log_probs: expected a vocabulary of at most the head's {} rows, got {} (and fewer "
        "than 2^31 - 64)",
        in.head.rows, in.vocabulary);
  check(std::int64_t(in.targets.size()) == in.hidden.rows,
        "linear_log_probs: expected {} targets, one a hidden state, got {}", in.hidden.rows,
        in.targets.size());
  check(in.temperature > 0 && std::isfinite(in.temperature),
        "linear_log_probs: expected a finite temperature above 0, got {}", in.temperature);
}

inline void check_size(std::size_t size, const LinearLogProbsInput& in, std::string_view name) {
  check(size == 0 || size == in.targets.size(),
        "linear_log_probs: expected {} numbers for {}, got {}", in.targets.size(), name, size);
}

inline void check_gradient(const MutableFloatMatrix& m, const FloatMatrix& of,
                           std::string_view name) {
  check(!m.data || (m.rows == of.rows && m.columns == of.columns && m.stride >= m.columns),
        "linear_log_probs: expected a gradient {} x {} for {}, got {} x {}, stride {}", of.rows,
        of.columns, name, m.rows, m.columns, m.stride);
}

inline void check_backward(const LinearLogProbsInput& in, std::size_t log_sum_exp,
                           std::size_t entropy, const LinearLogProbsCoefficients& by,
                           const LinearLogProbsGradient& gradient) {
  check_size(by.log_probs.size(), in, "the coefficients of log-probs");
  check_size(by.entropy.size(), in, "the coefficients of entropies");
  check_gradient(gradient.hidden, in.hidden, "hidden");
  check_gradient(gradient.head, in.head, "head");
  check(log_sum_exp == in.targets.size() && (by.entropy.empty() || entropy == in.targets.size()),
        "linear_log_probs: expected {} log-sums and entropies, got {} and {}", in.targets.size(),
        log_sum_exp, entropy);
}

inline void check_output(const LinearLogProbsInput& in, const LinearLogProbsOutput& out) {
  check_size(out.log_probs.size(), in, "log_probs");
  check_size(out.entropy.size(), in, "entropy");
  check_size(out.sum_squares.size(), in, "sum_squares");
  check_size(out.log_sum_exp.size(), in, "log_sum_exp");
  const std::int64_t vocabulary = in.vocabulary > 0 ? in.vocabulary : in.head.rows;
  const std::size_t tops = in.targets.size() * out.top_k;
  check(out.top_k <= std::size_t(vocabulary), "linear_log_probs: top_k is {} of a vocabulary of {}",
        out.top_k, vocabulary);
  check(out.top_log_probs.size() == tops && out.top_ids.size() == tops,
        "linear_log_probs: expected {} top log-probs and ids, got {} and {}", tops,
        out.top_log_probs.size(), out.top_ids.size());
}

}  // namespace visplay::linear_log_probs_detail
