// ObjectiveReport: what evaluating an objective says beside the gradient: its value and the metrics
// that trainers log (TRL's and verl's names in brackets).
#pragma once

#include <visplay/core/macros.hpp>

namespace visplay {

/// Of a batch or a part of one; parts add up. Tokens that the mask takes out are not in it.
struct ObjectiveReport {
  double value = 0;  ///< weighted by the totals of the whole batch: the value of parts is their sum
  double tokens = 0;
  double ratio_sum = 0;      ///< of pi / pi_old over tokens
  double log_ratio_sum = 0;  ///< of log(pi / pi_old), nats
  double kl_sum = 0;         ///< of the objective's KL over tokens, without its coefficient
  double entropy_sum = 0;    ///< nats
  double clipped_low = 0;    ///< tokens on the clipped branch below (advantage < 0) ...
  double clipped_high = 0;   ///< ... and above (advantage > 0)

  [[nodiscard]] double mean_ratio() const { return per_token(ratio_sum); }
  /// Estimate of KL(pi_old | pi), nats ("actor/ppo_kl").
  [[nodiscard]] double mean_old_kl() const { return per_token(-log_ratio_sum); }
  [[nodiscard]] double mean_kl() const { return per_token(kl_sum); }            ///< ("kl")
  [[nodiscard]] double mean_entropy() const { return per_token(entropy_sum); }  ///< ("entropy")
  /// ("clip_ratio/low_mean", "clip_ratio/high_mean", and both: "clip_ratio/region_mean",
  /// "actor/pg_clipfrac")
  [[nodiscard]] double clip_fraction_low() const { return per_token(clipped_low); }
  [[nodiscard]] double clip_fraction_high() const { return per_token(clipped_high); }
  [[nodiscard]] double clip_fraction() const { return per_token(clipped_low + clipped_high); }

  VISPLAY_HD ObjectiveReport& operator+=(const ObjectiveReport& part) {
    value += part.value;
    tokens += part.tokens;
    ratio_sum += part.ratio_sum;
    log_ratio_sum += part.log_ratio_sum;
    kl_sum += part.kl_sum;
    entropy_sum += part.entropy_sum;
    clipped_low += part.clipped_low;
    clipped_high += part.clipped_high;
    return *this;
  }

 private:
  [[nodiscard]] double per_token(double sum) const { return tokens > 0 ? sum / tokens : 0.; }
};

}  // namespace visplay
