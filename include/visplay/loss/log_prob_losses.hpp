// Token losses of the policy gradient's form -sg(w) A log pi: every token keeps its gradient, scaled
// by a weight w of the ratio r = pi / pi_old that carries none (sg: stop-gradient).
//
//   Reinforce  w = 1
//   Cispo      w = r held to bounds                       (2506.13585, ScaleRL 2510.13786)
//   Topr       w = 1 for A > 0, min(r, 1) else            (2503.14286)
//   DppoTv     w = min(r, 20), 0 where pi left pi_old by a total variation    (2602.04879)
//   DppoKl     same, by the KL of "this token or another"
//   Dro        w = 1, + beta / 2 (log r)^2                (2405.19107; Kimi k1.5, 2501.12599)
//   P3o        w = min(r, e), + (1 - e) k3 to pi_old      e: effective sample size (2605.12380)
#pragma once

#include <visplay/loss/correction.hpp>
#include <visplay/loss/token_loss.hpp>

#include <string_view>

namespace visplay {

/// Also verl's "gpg"; the GPG estimator itself is in advantage/.
struct Reinforce {
  static constexpr std::string_view name = "reinforce";

  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    return -t.log_prob * t.advantage;
  }
};
static_assert(TokenLoss<Reinforce>);

/// CISPO. Frameworks disagree on what a setting means, so say which: Cispo::absolute(5) holds r below
/// 5 (TRL and ms-swift's epsilon_high, ScaleRL); Cispo::relative(0.2, 0.28) holds it to
/// [0.8, 1.28] (verl, slime, NeMo-RL, ROLL, EasyR1). Cispo::absolute(1) is ROLL's "tis".
struct Cispo {
  static constexpr std::string_view name = "cispo";
  float cap = 5;    ///< > 0, of the ratio itself
  float floor = 0;  ///< in [0, cap]

  static constexpr Cispo absolute(float cap, float floor = 0) { return {cap, floor}; }
  static constexpr Cispo relative(float low, float high) { return {1 + high, 1 - low}; }

  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    return -detach(clamp(ratio_of(t), floor, cap)) * t.advantage * t.log_prob;
  }
};
static_assert(TokenLoss<Cispo>);
using TisPolicyGradient = Cispo;

/// TOPR: successes are imitated, failures tapered. ROLL tells them apart by the reward; here A does.
struct Topr {
  static constexpr std::string_view name = "topr";
  float positive_weight = 1;  ///< >= 0
  float negative_weight = 1;  ///< >= 0

  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    const T tapered = T(negative_weight) * detach(min(ratio_of(t), T(1.f)));
    const T weight = select(T(0.f) < t.advantage, T(positive_weight), tapered);
    return -weight * t.advantage * t.log_prob;
  }
};
static_assert(TokenLoss<Topr>);

/// DPPO with the total variation: the token counts while pi - pi_old <= threshold_high (A > 0) or
/// >= -threshold_low (A <= 0). verl calls the thresholds clip_ratio, though they bound probabilities.
struct DppoTv {
  static constexpr std::string_view name = "dppo_tv";
  float threshold_low = 0.2f;   ///< of a probability, in [0, 1]
  float threshold_high = 0.2f;  ///< of a probability, in [0, 1]
  float ratio_cap = 20;         ///< > 1

  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    const T step = exp(t.log_prob) - exp(t.old_log_prob), one(1.f), none(0.f);
    const T up = select(T(threshold_high) < step, none, one);
    const T down = select(step < T(-threshold_low), none, one);
    const T valid = select(none < t.advantage, up, down);
    return -detach(min(ratio_of(t), T(ratio_cap)) * valid) * t.advantage * t.log_prob;
  }
};
static_assert(TokenLoss<DppoTv>);

/// DPPO with the binary KL(pi_old | pi): the token counts while that is within the threshold, or while
/// its probability lies on the side of pi_old away from where A pushes.
struct DppoKl {
  static constexpr std::string_view name = "dppo_kl";
  float threshold_low = 0.2f;   ///< nats, >= 0
  float threshold_high = 0.2f;  ///< nats, >= 0
  float ratio_cap = 20;         ///< > 1

  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    const T kl = binary_kl(t.old_log_prob, t.log_prob), one(1.f), none(0.f);
    const T far_up = select(T(threshold_high) < kl, none, one);
    const T far_down = select(T(threshold_low) < kl, none, one);
    const T up = select(t.old_log_prob < t.log_prob, far_up, one);
    const T down = select(t.log_prob < t.old_log_prob, far_down, one);
    const T valid = select(none < t.advantage, up, down);
    return -detach(min(ratio_of(t), T(ratio_cap)) * valid) * t.advantage * t.log_prob;
  }
};
static_assert(TokenLoss<DppoKl>);

/// DRO, and the loss of Kimi k1.5 (ROLL's "kimi15", whose beta is 0.1).
struct Dro {
  static constexpr std::string_view name = "dro";
  float beta = 0.1f;  ///< > 0

  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    return T(0.5f * beta) * square(t.log_prob - t.old_log_prob) - t.log_prob * t.advantage;
  }
};
static_assert(TokenLoss<Dro>);

/// P3O: P3oMarks (token_rules.hpp) gives every token the batch's normalised effective sample size
/// e = (sum r)^2 / (N sum r^2) as its mark: near 1 on-policy, and the smaller the staler the batch.
struct P3o {
  static constexpr std::string_view name = "p3o";

  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    const T d = clamp(t.old_log_prob - t.log_prob, -log_ratio_bound, log_ratio_bound);
    const T kl = exp(d) - d - T(1.f);
    return (T(1.f) - t.mark) * kl - detach(min(ratio_of(t), t.mark)) * t.advantage * t.log_prob;
  }
};
static_assert(TokenLoss<P3o>);

}  // namespace visplay
