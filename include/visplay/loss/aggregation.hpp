// Aggregation: how token losses become one number. Each way is a weight per token that is the same
// for all tokens of a completion (B completions in the batch, l_i tokens in completion i):
//
//   token_mean     1 / sum(l)       every token counts the same (DAPO, 2503.14476)
//   sequence_mean  1 / (B l_i)      every completion counts the same (GRPO, 2402.03300)
//   constant       1 / (B L)        L fixed: no bias to short or long ones (Dr. GRPO, 2503.20783)
//
// Sums are those of the whole optimiser batch, never of a micro-batch: a batch cut in pieces gives
// the same gradient.
#pragma once

#include <visplay/core/error.hpp>

#include <cstdint>
#include <span>
#include <string_view>

namespace visplay {

/// What an optimiser batch holds, over all its micro-batches.
struct BatchTotals {
  std::int64_t completions = 0;  ///< B, also those without a token or an advantage
  std::int64_t tokens = 0;       ///< of all completions
};

/// @param offsets  [B + 1], of packed tokens
[[nodiscard]] inline BatchTotals totals_of(std::span<const std::int64_t> offsets) {
  if (offsets.empty()) return {};
  return {std::int64_t(offsets.size()) - 1, offsets.back() - offsets.front()};
}

struct Aggregation {
  enum class Kind { token_mean, sequence_mean, constant };
  Kind kind = Kind::sequence_mean;
  std::int64_t constant_length = 0;  ///< L in tokens, > 0; read by Kind::constant alone

  /// Weight of each token of a completion of `length` > 0 tokens.
  /// @throws Error if the totals cannot hold such a completion, or L is not positive
  [[nodiscard]] double weight(std::int64_t length, const BatchTotals& batch) const {
    check(batch.completions > 0 && batch.tokens >= length,
          "aggregation: a completion of {} tokens is not in a batch of {} completions, {} tokens",
          length, batch.completions, batch.tokens);
    check(kind != Kind::constant || constant_length > 0,
          "aggregation: expected a constant length above 0, got {}", constant_length);
    const double completions = double(batch.completions);
    if (kind == Kind::token_mean) return 1 / double(batch.tokens);
    return 1 / (completions * double(kind == Kind::constant ? constant_length : length));
  }
};

constexpr std::string_view name_of(Aggregation::Kind kind) {
  constexpr std::string_view names[] = {"token_mean", "sequence_mean", "constant"};
  return names[int(kind)];
}

}  // namespace visplay
