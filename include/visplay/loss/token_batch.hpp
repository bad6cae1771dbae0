// TokenBatch: what an objective reads, as views over packed completions (laid end to end, no
// padding). Optional spans may be empty; each says what then holds.
//
//   const TokenBatch batch{.offsets = offsets, .advantages = advantages, .log_probs = log_probs,
//                          .old_log_probs = old};
//
// N tokens in B completions of P groups. Two spans steer tokens: `mask` takes a token out of
// everything (as if it were not there; response masks, rejected or truncated completions), `weights`
// scales its policy loss alone (importance weights), not its KL and entropy terms. Rules that fill
// either are in token_weights.hpp and sequence_correction.hpp. Estimators that give each token its own
// advantage (returns, optimal baselines) fill `token_advantages`, which token losses read.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/grouped_span.hpp>
#include <visplay/loss/aggregation.hpp>
#include <visplay/loss/token_loss.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace visplay {

/// Views; what they show belongs to the caller.
struct TokenBatch {
  std::span<const std::int64_t> offsets{};     ///< [B + 1], of tokens
  std::span<const float> advantages{};         ///< [B], or empty if each token has its own
  std::span<const float> token_advantages{};   ///< [N], in place of `advantages`, or empty
  std::span<const float> log_probs{};          ///< [N], of the policy in training
  std::span<const float> old_log_probs{};      ///< [N]
  std::span<const float> ref_log_probs{};      ///< [N], or empty: log_probs, so that the KL is 0
  std::span<const float> rollout_log_probs{};  ///< [N], or empty: old_log_probs
  std::span<const float> entropy{};            ///< [N] nats, or empty: 0
  std::span<const float> weights{};            ///< [N], of the policy loss, or empty: 1
  std::span<const float> marks{};              ///< [N], what a loss's own rule says, or empty: 0
  std::span<const float> mask{};               ///< [N], 0 or 1, or empty: 1
  std::span<const std::int64_t> groups{};      ///< [P + 1], of completions, or empty: one group

  [[nodiscard]] std::size_t tokens() const { return log_probs.size(); }
  [[nodiscard]] std::size_t completions() const { return offsets.empty() ? 0 : offsets.size() - 1; }
  [[nodiscard]] float advantage(std::size_t completion, std::size_t token) const {
    return token_advantages.empty() ? advantages[completion] : token_advantages[token];
  }
  [[nodiscard]] bool kept(std::size_t token) const { return mask.empty() || mask[token] != 0; }
  /// Of the policy that sampled: the rollout log-prob, or the old one.
  [[nodiscard]] double behaviour_log_prob(std::size_t token) const {
    return double(rollout_log_probs.empty() ? old_log_probs[token] : rollout_log_probs[token]);
  }
  /// Tokens of a completion that the mask keeps.
  [[nodiscard]] std::int64_t length(std::size_t completion) const {
    const auto begin = offsets[completion], end = offsets[completion + 1];
    if (mask.empty()) return end - begin;
    std::int64_t kept_tokens = 0;
    for (auto t = begin; t < end; ++t) kept_tokens += kept(std::size_t(t));
    return kept_tokens;
  }
};

/// use(completion, token) for every kept token, in order.
template <class Use>
void for_each_kept(const TokenBatch& batch, const Use& use) {
  for (std::size_t i = 0; i < batch.completions(); ++i)
    for (auto t = std::size_t(batch.offsets[i]); t < std::size_t(batch.offsets[i + 1]); ++t)
      if (batch.kept(t)) use(i, t);
}

/// Kept tokens of each completion. [B]
[[nodiscard]] inline std::vector<double> kept_lengths(const TokenBatch& batch) {
  std::vector<double> lengths(batch.completions());
  for (std::size_t i = 0; i < lengths.size(); ++i) lengths[i] = double(batch.length(i));
  return lengths;
}

/// What `batch` counts if it is the whole optimiser batch: kept tokens, completions and groups.
/// @param count_empty  whether completions without a kept token count (TRL: yes; verl: no)
[[nodiscard]] inline BatchTotals totals_of(const TokenBatch& batch, bool count_empty = true) {
  BatchTotals totals{.groups = batch.groups.empty() ? 1 : std::int64_t(batch.groups.size()) - 1};
  for (std::size_t i = 0; i < batch.completions(); ++i) {
    const std::int64_t length = batch.length(i);
    totals.tokens += length;
    totals.completions += count_empty || length > 0;
  }
  return totals;
}

/// The terms of one token as constants, but for log_prob, which is the variable.
template <class S>
[[nodiscard]] TokenTerms<Dual<S>> terms_of(const TokenBatch& batch, std::size_t completion,
                                           std::size_t token) {
  const auto read = [token](std::span<const float> from, float otherwise) {
    return Dual<S>(S(from.empty() ? otherwise : from[token]));
  };
  const float log_prob = batch.log_probs[token], old = batch.old_log_probs[token];
  return {.log_prob = variable(S(log_prob)),
          .old_log_prob = Dual<S>(S(old)),
          .ref_log_prob = read(batch.ref_log_probs, log_prob),
          .rollout_log_prob = read(batch.rollout_log_probs, old),
          .advantage = Dual<S>(S(batch.advantage(completion, token))),
          .entropy = read(batch.entropy, 0),
          .weight = read(batch.weights, 1),
          .mark = read(batch.marks, 0)};
}

/// @throws Error, beginning with `where`, if the views do not fit each other
inline void check_batch(const TokenBatch& batch, std::string_view where) {
  const std::size_t tokens = batch.tokens(), completions = batch.completions();
  check_offsets(batch.offsets, tokens, where);
  const auto expect = [&](std::string_view what, std::size_t got, std::size_t size, bool required) {
    check(got == size || (got == 0 && !required), "{}: expected {} {}, got {}", where, size, what,
          got);
  };
  expect("advantages", batch.advantages.size(), completions, batch.token_advantages.empty());
  expect("token advantages", batch.token_advantages.size(), tokens, false);
  expect("old log-probs", batch.old_log_probs.size(), tokens, true);
  expect("reference log-probs", batch.ref_log_probs.size(), tokens, false);
  expect("rollout log-probs", batch.rollout_log_probs.size(), tokens, false);
  expect("entropies", batch.entropy.size(), tokens, false);
  expect("weights", batch.weights.size(), tokens, false);
  expect("marks", batch.marks.size(), tokens, false);
  expect("mask values", batch.mask.size(), tokens, false);
  if (!batch.groups.empty()) check_offsets(batch.groups, completions, where);
}

/// For sequence and group losses, which have one advantage a completion.
/// @throws Error, beginning with `where`, if each token has its own
inline void check_completion_advantages(const TokenBatch& batch, std::string_view where) {
  check(batch.token_advantages.empty(),
        "{}: expected an advantage for each completion, as a sequence or group loss needs, got one "
        "for each token",
        where);
}

}  // namespace visplay
