// KL outside the loss: as a part of the reward, and with a coefficient that follows a target.
//
//   const std::vector<double> kl = sequence_kl(K1{}, batch);        // [B] nats, of what was sampled
//   reward[i] -= coefficient * kl[i];
//   coefficient = AdaptiveKl{.target = 6}(coefficient, mean_kl, completions);
//
// In-reward placement: verl's use_kl_in_reward, OpenRLHF, AReaL (k1, 0.1).
#pragma once

#include <visplay/loss/kl.hpp>
#include <visplay/loss/token_batch.hpp>

#include <algorithm>
#include <string_view>
#include <vector>

namespace visplay {

/// Sum over each completion's kept tokens of the estimator from the old policy, which sampled, to the
/// reference. [B] nats; 0 for a completion without tokens.
/// @throws Error if the batch does not fit itself or has no reference log-probs
template <TokenLoss Kl>
[[nodiscard]] std::vector<double> sequence_kl(const Kl& kl, const TokenBatch& batch) {
  check_batch(batch, "sequence_kl");
  check(batch.ref_log_probs.size() == batch.tokens(),
        "sequence_kl: expected {} reference log-probs, got {}", batch.tokens(),
        batch.ref_log_probs.size());
  std::vector<double> sums(batch.completions());
  for (std::size_t i = 0; i < sums.size(); ++i)
    for (auto t = std::size_t(batch.offsets[i]); t < std::size_t(batch.offsets[i + 1]); ++t) {
      if (!batch.kept(t)) continue;
      auto terms = terms_of<double>(batch, i, t);
      terms.log_prob = terms.old_log_prob;
      sums[i] += kl(terms).value;
    }
  return sums;
}

/// Ziegler et al. 2019 (1909.08593): the coefficient grows while the KL is above the target, by a
/// share of at most `bound` in `horizon` completions, and falls below it.
struct AdaptiveKl {
  static constexpr std::string_view name = "adaptive_kl";
  float target = 6;       ///< nats, > 0, in the unit of the KL that is passed
  float horizon = 10000;  ///< completions, > 0
  float bound = 0.2f;     ///< of the relative error, >= 0

  /// The coefficient after a step over `completions` with this mean KL.
  /// @throws Error unless target and horizon are positive
  [[nodiscard]] double operator()(double coefficient, double kl, double completions) const {
    check(target > 0 && horizon > 0,
          "adaptive_kl: expected a target and horizon above 0, got {}, {}", target, horizon);
    const double error = std::clamp(kl / double(target) - 1, -double(bound), double(bound));
    return coefficient * (1 + error * completions / double(horizon));
  }
};

}  // namespace visplay
