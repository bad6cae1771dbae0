// Aggregation: how token losses become one number. Each way is a weight per token that is the same
// for all tokens of a completion (B completions in P groups, l_i tokens in completion i):
//
//   token_mean        1 / sum(l)             every token counts the same (DAPO, 2503.14476)
//   sequence_mean     1 / (B l_i)            every completion counts the same (GRPO, 2402.03300)
//   constant          1 / (B L)              L fixed: no bias to short or long ones (Dr. GRPO, 2503.20783)
//   sequence_sum      1 / B                  as constant with L = 1; scales a sequence loss by its
//                                            length (LUSPO, 2602.05261)
//   token_sum         1
//   group_token_mean  1 / (P sum_group(l))   every group counts the same, tokens do inside it
//   alpha             1 / (B l_i^(1-a) L^a)  a = 0 is sequence_mean, a = 1 constant (2607.23364)
//
// Sums are those of the whole optimiser batch, never of a micro-batch: a batch cut in pieces gives
// the same gradient. (TRL's "bnpo", early EasyR1 and VisPlay take them per micro-batch.)
#pragma once

#include <visplay/core/error.hpp>

#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>

namespace visplay {

/// What an optimiser batch holds, over all its micro-batches.
struct BatchTotals {
  std::int64_t completions = 0;  ///< B, also those without a token or an advantage
  std::int64_t tokens = 0;       ///< of all completions
  std::int64_t groups = 1;       ///< P, prompts; read by group_token_mean alone
};

/// @param offsets  [B + 1], of packed tokens
[[nodiscard]] inline BatchTotals totals_of(std::span<const std::int64_t> offsets) {
  if (offsets.empty()) return {};
  return {std::int64_t(offsets.size()) - 1, offsets.back() - offsets.front()};
}

struct Aggregation {
  enum class Kind {
    token_mean,
    sequence_mean,
    constant,
    sequence_sum,
    token_sum,
    group_token_mean,
    alpha
  };
  Kind kind = Kind::sequence_mean;
  std::int64_t constant_length = 0;  ///< L in tokens, > 0; read by constant and alpha alone
  float alpha = 0;                   ///< in [0, 1]; read by Kind::alpha alone

  /// Weight of each token of a completion of `length` > 0 tokens.
  /// @param group_tokens  tokens of its group; read by group_token_mean alone
  /// @throws Error if the totals cannot hold such a completion, or L is not positive
  [[nodiscard]] double weight(std::int64_t length, const BatchTotals& batch,
                              std::int64_t group_tokens = 0) const {
    check(batch.completions > 0 && batch.tokens >= length,
          "aggregation: a completion of {} tokens is not in a batch of {} completions, {} tokens",
          length, batch.completions, batch.tokens);
    check((kind != Kind::constant && kind != Kind::alpha) || constant_length > 0,
          "aggregation: expected a constant length above 0, got {}", constant_length);
    check(kind != Kind::group_token_mean || (batch.groups > 0 && group_tokens >= length),
          "aggregation: a completion of {} tokens is not in a group of {} tokens, {} groups",
          length, group_tokens, batch.groups);
    const double completions = double(batch.completions);
    switch (kind) {
      case Kind::token_mean:
        return 1 / double(batch.tokens);
      case Kind::sequence_mean:
        return 1 / (completions * double(length));
      case Kind::constant:
        return 1 / (completions * double(constant_length));
      case Kind::sequence_sum:
        return 1 / completions;
      case Kind::token_sum:
        return 1;
      case Kind::group_token_mean:
        return 1 / (double(batch.groups) * double(group_tokens));
      case Kind::alpha:
        break;
    }
    return 1 / (completions * std::pow(double(length), 1 - double(alpha)) *
                std::pow(double(constant_length), double(alpha)));
  }
};

constexpr std::string_view name_of(Aggregation::Kind kind) {
  constexpr std::string_view names[] = {"token_mean",   "sequence_mean", "constant",
                                        "sequence_sum", "token_sum",     "group_token_mean",
                                        "alpha"};
  return names[int(kind)];
}

}  // namespace visplay
