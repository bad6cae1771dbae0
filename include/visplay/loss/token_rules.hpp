// Token rules: what a whole batch says of each token, without derivative, worked out before the pass
// over it. A rule is called with the batch and a span of one number per token:
//
//   std::vector<float> weights(batch.tokens(), 1), mask(batch.tokens(), 1);
//   OffPolicySequenceMask{.threshold = 0.1f}(batch, weights);        // multiplies
//   OverlongFilter{truncated}(batch, mask);
//   batch.weights = weights, batch.mask = mask;
//
// Which span it is called with decides what it means: `weights` scales the policy loss alone, `mask`
// takes the tokens out of everything. Rules named ...Marks fill `marks` for one loss and overwrite.
// Rules read only tokens that batch.mask keeps, and leave the others as they are; [N] everywhere.
// All throw Error if the batch or the span does not fit.
#pragma once

#include <visplay/core/rng.hpp>
#include <visplay/loss/token_batch.hpp>

#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>

namespace visplay {

template <class R>
concept TokenRule = requires(const R& rule, const TokenBatch& batch, std::span<float> out) {
  { R::name } -> std::convertible_to<std::string_view>;
  rule(batch, out);
};

/// @throws Error, beginning with the rule's name, if the batch or the span does not fit
inline void check_rule(const TokenBatch& batch, std::span<const float> out, std::string_view name) {
  check_batch(batch, name);
  check(out.size() == batch.tokens(), "{}: expected room for {} tokens, got {}", name,
        batch.tokens(), out.size());
}

/// 0 for completions that were cut off at the length limit (DAPO, 2503.14476, sec. 3.4; TRL's
/// mask_truncated_completions).
struct OverlongFilter {
  static constexpr std::string_view name = "overlong_filter";
  std::span<const std::uint8_t> truncated{};  ///< [B], not 0: cut off

  void operator()(const TokenBatch& batch, std::span<float> mask) const;
};

/// Keeps the `share` of tokens with the highest entropy, 0 for the rest (2506.01939). The threshold is
/// the quantile with linear interpolation; tokens at it are kept. Reads batch.entropy.
struct TopEntropy {
  static constexpr std::string_view name = "top_entropy";
  float share = 0.2f;  ///< in (0, 1]

  void operator()(const TokenBatch& batch, std::span<float> weights) const;
};

/// OPSM: 0 for completions with A < 0 whose mean of log pi_rollout - log pi is above the threshold
/// (DeepSeek-V3.2, 2512.02556).
struct OffPolicySequenceMask {
  static constexpr std::string_view name = "off_policy_sequence_mask";
  float threshold = 0.1f;  ///< nats a token, >= 0

  void operator()(const TokenBatch& batch, std::span<float> weights) const;
};

/// M2PO: 0 for the tokens with the largest (log pi_rollout - log pi_old)^2, as few as bring the mean of
/// the rest below the threshold; one token always stays (2510.01161, AReaL).
struct M2po {
  static constexpr std::string_view name = "m2po";
  float threshold = 0.04f;  ///< nats^2, > 0

  void operator()(const TokenBatch& batch, std::span<float> weights) const;
};

/// FIPO: each token by what follows it, exp(sum over s >= t of gamma^(s - t) log r_s) held to
/// [1 - clip, 1 + clip] (2603.19835; ms-swift). Tokens with r above ratio_cap add nothing to the sum;
/// where A < 0 and r is above `safe_ratio` the weight is held to [0.8, 1].
struct Fipo {
  static constexpr std::string_view name = "fipo";
  float gamma = 0.978572f;     ///< in (0, 1]; 2^(-1/32), as ms-swift's decay rate of 32
  float clip = 0.2f;           ///< in (0, 1), or 0: off
  bool only_above_one = true;  ///< the lower bound is 1
  float ratio_cap = 0;         ///< > 1, or 0: off
  float safe_ratio = 4;        ///< > 1, or 0: off

  void operator()(const TokenBatch& batch, std::span<float> weights) const;
};

/// Clip-Cov: 0 for a random `share` of all tokens, drawn from those whose covariance (A - mean A)
/// (log pi - mean log pi) is in (low, high) and that the PPO clip leaves alone (2505.22617).
struct ClipCov {
  static constexpr std::string_view name = "clip_cov";
  float share = 2e-4f;  ///< of all tokens, > 0; at least one token
  float low = 1;
  float high = 5;
  float clip_low = 0.2f;  ///< of the ClippedSurrogate in use
  float clip_high = 0.2f;
  Rng rng{};  ///< the step's own; the same one draws the same tokens

  void operator()(const TokenBatch& batch, std::span<float> weights) const;
};

/// 1 for the `share` of tokens with the largest covariance (as above), else 0: for the loss KlCov.
struct KlCovMarks {
  static constexpr std::string_view name = "kl_cov_marks";
  float share = 2e-4f;  ///< of all tokens, in (0, 1]; at least one token

  void operator()(const TokenBatch& batch, std::span<float> marks) const;
};

/// The batch's effective sample size over its size, in (0, 1], the same for all tokens: for P3o.
struct P3oMarks {
  static constexpr std::string_view name = "p3o_marks";

  void operator()(const TokenBatch& batch, std::span<float> marks) const;
};

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/loss/token_rules.ipp>
#endif
