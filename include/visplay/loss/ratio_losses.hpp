// Token losses on the ratio r = pi / pi_old, beside ClippedSurrogate: each bounds the step in its own
// way. To be minimised; A is the advantage.
//
//   Sapo    -(4 / tau) sigmoid(tau (r - 1)) A                soft gate instead of a clip (2511.20347)
//   Spo     -(r A - |A| (r - 1)^2 / (2 eps))                 quadratic penalty (2401.16025)
//   Cpgd    -min(A log r, A clip(log r)) + alpha KL(pi_old|pi)   clip of the log (2505.12504)
//   Wapo    -min(r, 1 + clip_high) A where A > 0, else 0     learns from successes (2606.16154)
//   KlCov   -r A + coefficient mark |log r|                  penalty on marked tokens (2505.22617)
//   WithNll  any loss - coefficient log pi where A > 0       keeps successes likely (VAPO, 2504.05118)
#pragma once

#include <visplay/loss/token_loss.hpp>

#include <cmath>
#include <string_view>

namespace visplay {

/// SAPO: a sigmoid gate around r = 1, sharper (a larger tau) for tokens that are pushed down.
struct Sapo {
  static constexpr std::string_view name = "sapo";
  float tau_positive = 1;      ///< > 0; for A > 0
  float tau_negative = 1.05f;  ///< > 0; for A <= 0

  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    const T tau = select(T(0.f) < t.advantage, T(tau_positive), T(tau_negative));
    return -(T(4.f) / tau) * sigmoid(tau * (ratio_of(t) - T(1.f))) * t.advantage;
  }
};
static_assert(TokenLoss<Sapo>);

/// SPO: the parabola has its top at the clip bound r = 1 +- epsilon, on the side that A pushes to, and
/// pulls back beyond it. CFPO (2601.22801) describes a penalty of this kind, from a bound on the total
/// variation; its constants could not be checked.
struct Spo {
  static constexpr std::string_view name = "spo";
  float epsilon = 0.2f;  ///< > 0

  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    const T ratio = ratio_of(t), step = ratio - T(1.f);
    return abs(t.advantage) * step * step * T(0.5f / epsilon) - ratio * t.advantage;
  }
};
static_assert(TokenLoss<Spo>);

/// CPGD: a policy gradient whose log-ratio is clipped, and a drift to the old policy by the estimator
/// r - 1 - log r, whose mean under pi_old is KL(pi_old | pi).
struct Cpgd {
  static constexpr std::string_view name = "cpgd";
  float clip_low = 0.2f;   ///< in [0, 1)
  float clip_high = 0.2f;  ///< >= 0
  float drift = 0;         ///< alpha, >= 0

  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    const T log_ratio = clamp(t.log_prob - t.old_log_prob, -log_ratio_bound, log_ratio_bound);
    // In double first: log1p of a float, folded by a compiler, may differ from the library's.
    const auto low = float(std::log1p(-double(clip_low)));
    const auto high = float(std::log1p(double(clip_high)));
    const T clipped = clamp(log_ratio, low, high);
    const T kl = exp(log_ratio) - T(1.f) - log_ratio;
    return T(drift) * kl - min(log_ratio * t.advantage, clipped * t.advantage);
  }
};
static_assert(TokenLoss<Cpgd>);

/// WAPO: with Aggregation::constant of the longest completion allowed, and as `completions` of the
/// totals those of groups that have a success.
struct Wapo {
  static constexpr std::string_view name = "wapo";
  float clip_high = 0.2f;  ///< >= 0

  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    const T gain = min(ratio_of(t), T(1 + clip_high)) * t.advantage;
    return select(T(0.f) < t.advantage, -gain, T(0.f));
  }
};
static_assert(TokenLoss<Wapo>);

/// KL-Cov: KlCovMarks (token_rules.hpp) marks the tokens with 1.
struct KlCov {
  static constexpr std::string_view name = "kl_cov";
  float coefficient = 1;  ///< >= 0

  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    return T(coefficient) * t.mark * abs(t.log_prob - t.old_log_prob) - ratio_of(t) * t.advantage;
  }
};
static_assert(TokenLoss<KlCov>);

/// Aggregated like the rest; NeMo-RL divides by the tokens of successes instead.
template <TokenLoss Loss = ClippedSurrogate>
struct WithNll {
  static constexpr std::string_view name = "with_nll";
  Loss loss{};
  float coefficient = 0.1f;  ///< mu, >= 0

  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    const T nll = select(T(0.f) < t.advantage, -t.log_prob, T(0.f));
    return loss(t) + T(coefficient) * nll;
  }
};
static_assert(TokenLoss<WithNll<>>);

}  // namespace visplay
