// TokenAdvantageEstimator: an advantage for every token, from a batch of packed completions. out[t]
// belongs to token t of the batch.
//
//   const auto rewards = rewards_on_last_token(scores.total, tokens);
//   WhitenedReturns{}({.rewards = rewards, .completions = tokens}, out);
//
// Completions are packed: only tokens that the policy chose. Where a tool's output was left out
// between two of them, they count as neighbours, which is what verl's masks do.
#pragma once

#include <visplay/core/grouped_span.hpp>

#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace visplay {

/// B completions of N tokens in all.
struct TokenRewards {
  std::span<const float> rewards{};             ///< [N] earned at each token
  std::span<const std::int64_t> completions{};  ///< [B + 1] offsets of tokens
  std::span<const std::int64_t> groups{};       ///< [groups + 1] offsets of completions, if read
  std::span<const float> log_probs{};           ///< [N] of the chosen tokens, if read
  std::span<const float> sum_p_squared{};       ///< [N] over the vocabulary, in [0, 1], if read
  std::span<const float> rollout_weights{};     ///< [N] importance weights, >= 0; empty: all 1

  [[nodiscard]] std::size_t size() const {
    return completions.empty() ? 0 : completions.size() - 1;
  }
  /// Where completion i begins; begin(size()) is where the last one ends.
  [[nodiscard]] std::size_t begin(std::size_t i) const { return std::size_t(completions[i]); }
  [[nodiscard]] std::size_t length(std::size_t i) const { return begin(i + 1) - begin(i); }
};

template <class A>
concept TokenAdvantageEstimator = requires(const A& advantage, const TokenRewards& batch,
                                           std::span<float> out) {
  { A::name } -> std::convertible_to<std::string_view>;
  { advantage(batch, out) } -> std::same_as<void>;
};

/// @throws Error if the offsets of the completions or out do not fit the rewards
inline void check_tokens(const TokenRewards& batch, std::span<const float> out,
                         std::string_view where) {
  check_offsets(batch.completions, batch.rewards.size(), where);
  check(out.size() == batch.rewards.size(), "{}: expected room for {} advantages, got {}", where,
        batch.rewards.size(), out.size());
}

/// Token rewards of completions that are scored as a whole. [N]; a completion without a token earns
/// nothing.
/// @param rewards      [B]
/// @param completions  [B + 1] offsets of tokens
/// @throws Error if they do not fit
[[nodiscard]] inline std::vector<float> rewards_on_last_token(
    std::span<const float> rewards, std::span<const std::int64_t> completions) {
  check(completions.size() == rewards.size() + 1, "token rewards: expected {} offsets, got {}",
        rewards.size() + 1, completions.size());
  check_offsets(completions, std::size_t(completions.back()), "token rewards");
  std::vector<float> tokens(std::size_t(completions.back()));
  for (std::size_t i = 0; i < rewards.size(); ++i)
    if (completions[i] < completions[i + 1])
      tokens[std::size_t(completions[i + 1]) - 1] = rewards[i];
  return tokens;
}

}  // namespace visplay
