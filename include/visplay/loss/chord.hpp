// CHORD (2508.11408): own samples and an expert's completions in one update, in shares that move from
// the expert to the own.
//
//   const double mu = ChordShare{.peak = 0.9f, .valley = 0.05f, .decay_steps = 200}(step);
//   // gradient: (1 - mu) of any objective over the own samples, mu of ExpertNll over the expert's,
//   // each over the totals of its own batch
#pragma once

#include <visplay/loss/token_loss.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string_view>

namespace visplay {

/// The negative log-likelihood of an expert's token, whatever its advantage. CHORD-phi weighs it by
/// p (1 - p), without a gradient: a token that the policy holds certain, or impossible, counts little.
struct ExpertNll {
  static constexpr std::string_view name = "expert_nll";
  bool weigh = true;  ///< by p (1 - p); false: CHORD-mu, the plain NLL

  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    const T p = detach(exp(t.log_prob));
    return weigh ? -(p * (T(1.f) - p)) * t.log_prob : -t.log_prob;
  }
};
static_assert(TokenLoss<ExpertNll>);

/// The expert's share mu of the update: up to `peak` in a straight line, down to `valley` along half a
/// cosine, then `valley`.
struct ChordShare {
  float peak = 0.9f;              ///< in [0, 1]
  float valley = 0.05f;           ///< in [0, peak]
  std::int64_t warmup_steps = 0;  ///< >= 0
  std::int64_t decay_steps = 1;   ///< >= 1

  /// mu of update `step`, counted from 0. In [0, 1]
  [[nodiscard]] double operator()(std::int64_t step) const {
    if (step < warmup_steps) return double(peak) * double(step) / double(warmup_steps);
    const double done =
        double(step - warmup_steps) / double(std::max<std::int64_t>(decay_steps, 1));
    const double left = 0.5 * (1 + std::cos(std::numbers::pi * std::min(done, 1.)));
    return double(valley) + double(peak - valley) * left;
  }
};

}  // namespace visplay
