// Token corrections: importance weights for tokens that another program sampled (a rollout engine
// whose numbers differ from the trainer's), c = pi_old / pi_rollout.
//
//   Objective{.correction = TokenTis{.cap = 2}}
//
// A token correction is a functor like a token loss, but its result is a weight of the policy loss
// without derivative. Corrections that read a whole completion are in sequence_correction.hpp. Where
// one process does both rollout and training, c is 1 and NoCorrection right.
#pragma once

#include <visplay/loss/token_loss.hpp>

#include <concepts>
#include <string_view>

namespace visplay {

template <class C>
concept TokenCorrection = requires(const C& correction, const TokenTerms<Dual<double>>& terms) {
  { C::name } -> std::convertible_to<std::string_view>;
  { correction(terms) } -> std::same_as<Dual<double>>;
};

struct NoCorrection {
  static constexpr std::string_view name = "no_correction";

  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>&) const {
    return T(1.f);
  }
};
static_assert(TokenCorrection<NoCorrection>);

/// What stands above pi_rollout in c. `old`: the trainer's policy that sampled, recomputed ("decoupled
/// mode" in verl). `current`: the policy in training, where rollout log-probs serve as old ones
/// ("bypass mode").
enum class Numerator { old, current };

/// log c, held to +-20 (log_ratio_bound).
template <class T>
VISPLAY_HD T log_correction(const TokenTerms<T>& t, Numerator numerator = Numerator::old) {
  const T above = numerator == Numerator::old ? t.old_log_prob : t.log_prob;
  return detach(clamp(above - t.rollout_log_prob, -log_ratio_bound, log_ratio_bound));
}

/// Truncated importance sampling: c held to [floor, cap]. (TRL: "token_truncate".)
struct TokenTis {
  static constexpr std::string_view name = "token_tis";
  float cap = 2;    ///< > 0
  float floor = 0;  ///< in [0, cap]
  Numerator numerator = Numerator::old;

  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    return clamp(exp(log_correction(t, numerator)), floor, cap);
  }
};
static_assert(TokenCorrection<TokenTis>);

/// IcePop: c where it is inside [low, high], else the token is out. (TRL: "token_mask"; verl:
/// threshold "low_high".)
struct IcePop {
  static constexpr std::string_view name = "ice_pop";
  float low = 0.5f;  ///< in [0, 1]
  float high = 5;    ///< >= 1
  Numerator numerator = Numerator::old;

  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    const T c = exp(log_correction(t, numerator)), none(0.f);
    return select(c < T(low), none, select(T(high) < c, none, c));
  }
};
static_assert(TokenCorrection<IcePop>);

/// KL of two Bernoulli distributions, of "this token or another", from the token's log-probs, in
/// nats: p log(p / q) + (1 - p) log((1 - p) / (1 - q)). 1e-8 keeps the second log finite, as in verl.
template <class T>
VISPLAY_HD T binary_kl(const T& log_p, const T& log_q) {
  const T p = exp(log_p), one(1.f), tiny(1e-8f);
  return p * (log_p - log_q) + (one - p) * log((one - p + tiny) / (one - exp(log_q) + tiny));
}

/// KPop (AReaL): the token is out where either binary KL between trainer and rollout engine exceeds
/// the bound; else its weight is c.
struct KPop {
  static constexpr std::string_view name = "k_pop";
  float bound = 0.1f;  ///< nats, >= 0
  Numerator numerator = Numerator::old;

  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    const T trainer = detach(numerator == Numerator::old ? t.old_log_prob : t.log_prob);
    const T worse =
        max(binary_kl(trainer, t.rollout_log_prob), binary_kl(t.rollout_log_prob, trainer));
    return select(T(bound) < worse, T(0.f), exp(log_correction(t, numerator)));
  }
};
static_assert(TokenCorrection<KPop>);

}  // namespace visplay
