// KL estimators to the reference policy, as token losses of d = log pi - log ref on sampled tokens.
//
//   K1   d               unbiased value; as a loss its expected gradient is 0: for rewards
//   K2   d^2 / 2         its gradient is that of the reverse KL, on-policy
//   K3   e^-d + d - 1    unbiased value, low variance, never negative; biased gradient
//   AbsKl  |d|
//   StraightThrough<K3, K2>   the value of one, the gradient of the other ("k3+" in verl)
//   ImportanceWeighted<K3>    ratio * k3: unbiased off-policy (use_bias_correction_kl in TRL)
//
// Schulman, "Approximating KL divergence" (2020). full_kl.hpp has the exact one.
#pragma once

#include <visplay/loss/token_loss.hpp>

#include <string_view>

namespace visplay {

struct K1 {
  static constexpr std::string_view name = "k1";

  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    return t.log_prob - t.ref_log_prob;
  }
};
static_assert(TokenLoss<K1>);

/// "mse" in verl.
struct K2 {
  static constexpr std::string_view name = "k2";

  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    return T(0.5f) * square(t.log_prob - t.ref_log_prob);
  }
};
static_assert(TokenLoss<K2>);

/// GRPO (2402.03300), eq. 4; "low_var_kl" in verl. d is held to +-20.
struct K3 {
  static constexpr std::string_view name = "k3";
  float bound = 0;  ///< > 0: the value is cut there, and has no gradient beyond (verl: 10); 0: off

  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    const T d = clamp(t.ref_log_prob - t.log_prob, -log_ratio_bound, log_ratio_bound);
    const T kl = exp(d) - d - T(1.f);
    return bound > 0 ? clamp(kl, -bound, bound) : kl;
  }
};
static_assert(TokenLoss<K3>);

struct AbsKl {
  static constexpr std::string_view name = "abs";

  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    return abs(t.log_prob - t.ref_log_prob);
  }
};
static_assert(TokenLoss<AbsKl>);

template <TokenLoss Value, TokenLoss Gradient = K2>
struct StraightThrough {
  static constexpr std::string_view name = "straight_through";
  Value value{};
  Gradient gradient{};

  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    const T backward = gradient(t);
    return detach(value(t)) + (backward - detach(backward));
  }
};
static_assert(TokenLoss<StraightThrough<K3>>);

/// The ratio pi / pi_old carries a gradient too.
template <TokenLoss Kl = K3>
struct ImportanceWeighted {
  static constexpr std::string_view name = "importance_weighted";
  Kl kl{};

  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    return ratio_of(t) * kl(t);
  }
};
static_assert(TokenLoss<ImportanceWeighted<>>);

/// loss + coefficient * kl: again a token loss.
template <TokenLoss Loss, TokenLoss Kl>
struct WithKl {
  static constexpr std::string_view name = "with_kl";
  Loss loss;
  Kl kl;
  float coefficient = 0.01f;  ///< VisPlay's scripts use 1e-2

  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    return loss(t) + T(coefficient) * kl(t);
  }
};
static_assert(TokenLoss<WithKl<ClippedSurrogate, K3>>);

}  // namespace visplay
