// What a call of log_probs has to fit, on the CPU and on CUDA: shapes, nothing of the memory behind them.
// Each throws Error with one line.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/kernels/log_probs.hpp>

#include <cmath>
#include <cstddef>
#include <string_view>

namespace visplay::log_probs_detail {

inline void check_rows(std::string_view what, std::size_t size, std::size_t expected,
                       bool optional) {
  check((optional && size == 0) || size == expected, "log_probs: expected {} {}, got {}", expected,
        what, size);
}

template <class Number>
void check_logits(const LogitsView<Number>& logits, std::size_t targets, float temperature) {
  check(logits.vocabulary > 0 && logits.vocabulary <= logits.stride,
        "log_probs: expected a vocabulary in 1 ... stride, got {} of {}", logits.vocabulary,
        logits.stride);
  check(logits.data || logits.rows == 0, "log_probs: {} rows of logits are at null", logits.rows);
  check_rows("targets", targets, logits.rows, false);
  check(temperature > 0 && std::isfinite(temperature),
        "log_probs: expected a finite temperature above 0, got {}", temperature);
}

inline void check_output(const LogProbOutputs& out, std::size_t rows, std::size_t vocabulary) {
  check_rows("log-probs", out.log_probs.size(), rows, true);
  check_rows("entropies", out.entropy.size(), rows, true);
  check_rows("log-sum-exps", out.log_sum_exp.size(), rows, true);
  check_rows("sums of squares", out.sum_of_squares.size(), rows, true);
  check(out.top_k <= vocabulary, "log_probs: top_k is {} of a vocabulary of {}", out.top_k,
        vocabulary);
  check_rows("top log-probs", out.top_log_probs.size(), rows * out.top_k, false);
  check_rows("top ids", out.top_ids.size(), rows * out.top_k, false);
}

inline void check_gradients(const LogProbGradients& given, std::size_t rows) {
  check_rows("log-sum-exps", given.log_sum_exp.size(), rows, false);
  check_rows("gradients of log-probs", given.log_prob_gradients.size(), rows, false);
  check_rows("gradients of entropies", given.entropy_gradients.size(), rows, true);
  if (!given.entropy_gradients.empty()) check_rows("entropies", given.entropy.size(), rows, false);
}

}  // namespace visplay::log_probs_detail
