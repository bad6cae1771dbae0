// Sequence losses: one number per completion, from means over its tokens.
//
// A sequence loss has a `summand` per token, whose mean over the completion is the variable, and a
// call operator on it; both generic in the number type like token losses. An optional
// `constant_summand` is averaged too, without derivative. Every token of the completion carries the
// result L with its aggregation weight w; with l tokens,
//
//   value = sum_t w_t L        d value / d log_prob_t = (sum_s w_s) dL/dmean * dsummand_t / l
//
// A loss with `token_form` (GSPO-token) keeps each token's own w in the derivative instead of the
// sum; that differs only where a correction or mask gives tokens of one completion different weights.
#pragma once

#include <visplay/loss/token_loss.hpp>

#include <concepts>
#include <string_view>

namespace visplay {

/// What a sequence loss reads. The completion has at least one token.
template <class T>
struct SequenceTerms {
  T mean{};           ///< of summand over the tokens; in training the variable
  T constant_mean{};  ///< of constant_summand
  T advantage{};
  T length{};  ///< tokens, > 0
};

template <class L>
concept SequenceLoss = requires(const L& loss, const TokenTerms<Dual<double>>& token,
                                const SequenceTerms<Dual<double>>& sequence) {
  { L::name } -> std::convertible_to<std::string_view>;
  { loss.summand(token) } -> std::same_as<Dual<double>>;
  { loss(sequence) } -> std::same_as<Dual<double>>;
};

/// The second mean's summand, 0 for losses that have none. Never has a derivative.
template <class Loss, class T>
VISPLAY_HD T constant_summand_of(const Loss& loss, const TokenTerms<T>& t) {
  if constexpr (requires { loss.constant_summand(t); }) return detach(loss.constant_summand(t));
  return T(0.f);
}

/// Whether the derivative keeps each token's own weight.
template <class Loss>
inline constexpr bool token_form = false;
template <class Loss>
requires requires { Loss::token_form; }
inline constexpr bool token_form<Loss> = Loss::token_form;

/// GSPO (2507.18071): PPO's clip on the geometric mean of the ratios, s = exp(mean log r). Bounds are
/// far tighter than per token: the paper has 3e-4 and 4e-4. Also TRL's
/// importance_sampling_level="sequence" and, with Aggregation::sequence_sum, LUSPO (2602.05261).
struct Gspo {
  static constexpr std::string_view name = "gspo";
  float clip_low = 3e-4f;   ///< in [0, 1)
  float clip_high = 4e-4f;  ///< >= 0
  float ratio_cap = 0;      ///< > 1 + clip_high, or 0: off; "delta" in TRL

  template <class T>
  VISPLAY_HD T summand(const TokenTerms<T>& t) const {
    return t.log_prob - t.old_log_prob;
  }
  template <class T>
  VISPLAY_HD T operator()(const SequenceTerms<T>& s) const {
    return ClippedSurrogate{.clip_low = clip_low, .clip_high = clip_high, .ratio_cap = ratio_cap}(
        TokenTerms<T>{.log_prob = s.mean, .advantage = s.advantage});
  }
};
static_assert(SequenceLoss<Gspo>);

/// GSPO-token (2507.18071, eq. 14): each token has the ratio sg(s) pi / sg(pi). With one advantage
/// for the completion its value and gradient are GSPO's, but for unequal token weights (above).
/// This is verl's "gspo"; Gspo is TRL's.
struct GspoToken : Gspo {
  static constexpr std::string_view name = "gspo_token";
  static constexpr bool token_form = true;
};
static_assert(SequenceLoss<GspoToken>);

/// GMPO (2507.20673): -A exp(mean of clipped log r), the clip acting per token and only on the side
/// that the advantage pushes to. Bounds are on log r. "geo_mean" in verl.
struct Gmpo {
  static constexpr std::string_view name = "gmpo";
  float log_clip_low = 0.4f;   ///< >= 0
  float log_clip_high = 0.4f;  ///< >= 0

  template <class T>
  VISPLAY_HD T summand(const TokenTerms<T>& t) const {
    const T log_ratio = t.log_prob - t.old_log_prob;
    const T clipped = clamp(log_ratio, -log_clip_low, log_clip_high);
    return select(T(0.f) < t.advantage, min(log_ratio, clipped), max(log_ratio, clipped));
  }
  template <class T>
  VISPLAY_HD T operator()(const SequenceTerms<T>& s) const {
    return -exp(clamp(s.mean, -log_ratio_bound, log_ratio_bound)) * s.advantage;
  }
};
static_assert(SequenceLoss<Gmpo>);

/// VESPO (2602.10693): -sg(phi(w)) A log pi with the product of ratios w and the gamma-shaped
/// phi(w) = e^lambda w^k e^(-lambda w), which is 1 at w = 1. (k, lambda) by the advantage's sign; as
/// TRL, log w is held to [log 1e-8, 20] and those of tokens to +-20.
struct Vespo {
  static constexpr std::string_view name = "vespo";
  float k_positive = 2;                              ///< >= 0; for A >= 0
  float lambda_positive = 3;                         ///< > 0
  float k_negative = 3;                              ///< >= 0
  float lambda_negative = 2;                         ///< > 0
  static constexpr float log_tiniest = -18.420681f;  ///< log 1e-8

  template <class T>
  VISPLAY_HD T summand(const TokenTerms<T>& t) const {
    return t.log_prob;
  }
  template <class T>
  VISPLAY_HD T constant_summand(const TokenTerms<T>& t) const {
    return clamp(t.log_prob - t.old_log_prob, -log_ratio_bound, log_ratio_bound);
  }
  template <class T>
  VISPLAY_HD T operator()(const SequenceTerms<T>& s) const {
    const T log_w = clamp(s.constant_mean * s.length, log_tiniest, log_ratio_bound);
    const auto negative = s.advantage < T(0.f);
    const T k = select(negative, T(k_negative), T(k_positive));
    const T lambda = select(negative, T(lambda_negative), T(lambda_positive));
    const T phi = exp(lambda + k * log_w - lambda * exp(log_w));
    return -detach(phi) * s.advantage * s.mean;
  }
};
static_assert(SequenceLoss<Vespo>);

/// CISPO on the sequence's ratio: -min(sg(s), cap) A log pi, s as in GSPO; TRL's loss_type="cispo"
/// with importance_sampling_level="sequence".
struct SequenceCispo {
  static constexpr std::string_view name = "sequence_cispo";
  float cap = 5;  ///< > 0, of the ratio itself

  template <class T>
  VISPLAY_HD T summand(const TokenTerms<T>& t) const {
    return t.log_prob;
  }
  template <class T>
  VISPLAY_HD T constant_summand(const TokenTerms<T>& t) const {
    return t.log_prob - t.old_log_prob;
  }
  template <class T>
  VISPLAY_HD T operator()(const SequenceTerms<T>& s) const {
    const T ratio = exp(clamp(s.constant_mean, -log_ratio_bound, log_ratio_bound));
    return -detach(min(ratio, T(cap))) * s.advantage * s.mean;
  }
};
static_assert(SequenceLoss<SequenceCispo>);

}  // namespace visplay
