// Corrections that read whole completions: importance weights and rejections between the program that
// sampled and the trainer, from c_t = pi_old / pi_rollout per token. Token rules (token_rules.hpp):
//
//   SequenceTis{.cap = 2}(batch, weights);                    // every token weighs min(prod c, 2)
//   Rejection{.statistic = Rejection::Statistic::k3, .high = 0.01f}(batch, mask);
//   NormalizeWeights{}(batch, weights);                       // to a mean of 1
//
// Sums of logs are held to +-20 before exp, as in verl. Token-wise ones, inside the pass:
// correction.hpp.
#pragma once

#include <visplay/loss/correction.hpp>
#include <visplay/loss/token_rules.hpp>

#include <span>
#include <string_view>

namespace visplay {

/// Truncated importance sampling by the completion: prod c held to [floor, cap] (verl: "sequence"; TRL:
/// "sequence_truncate").
struct SequenceTis {
  static constexpr std::string_view name = "sequence_tis";
  float cap = 2;    ///< > 0
  float floor = 0;  ///< in [0, cap]
  Numerator numerator = Numerator::old;

  void operator()(const TokenBatch& batch, std::span<float> weights) const;
};

/// Masked importance sampling: completions whose ratio is outside [low, high] weigh 0. The ratio is
/// the product of c (TRL's default "sequence_mask", cap 3) or its geometric mean, whose bounds are near
/// 1 (0.999 to 1.002). Inside, the weight is the ratio, or 1 unless `weighted`.
struct SequenceMask {
  static constexpr std::string_view name = "sequence_mask";
  float low = 0;   ///< >= 0
  float high = 3;  ///< >= low
  bool geometric = false;
  bool weighted = true;
  Numerator numerator = Numerator::old;

  void operator()(const TokenBatch& batch, std::span<float> weights) const;
};

/// Rejection by an estimate of the divergence from trainer to rollout engine, of a token or of its
/// whole completion; 0 where it fails. With x = log c: k1 = -x must be in [log low, log high],
/// k2 = x^2 / 2 and k3 = e^x - 1 - x at most `high`. All eleven modes of verl's rollout_rs.
struct Rejection {
  enum class Statistic { k1, k2, k3 };
  enum class Over { token, sum, mean, max };
  static constexpr std::string_view name = "rejection";
  Statistic statistic = Statistic::k3;
  Over over = Over::mean;  ///< max: of k2 and k3 alone
  float low = 0.5f;        ///< > 0; read by k1 alone
  float high = 2;          ///< > 0; a ratio for k1, else nats
  Numerator numerator = Numerator::old;

  void operator()(const TokenBatch& batch, std::span<float> mask) const;
};

/// Divides the weights by their mean over kept tokens, or over completions that have one (for weights
/// that are the same throughout a completion). A mean below 1e-8 leaves them as they are.
struct NormalizeWeights {
  static constexpr std::string_view name = "normalize_weights";
  bool by_completion = false;

  void operator()(const TokenBatch& batch, std::span<float> weights) const;
};

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/loss/sequence_correction.ipp>
#endif
