// full_kl: the exact KL of two distributions over the vocabulary, for rows of log-probs. Its
// estimators from sampled tokens are in kl.hpp.
#pragma once

#include <visplay/core/error.hpp>

#include <cmath>
#include <cstddef>
#include <span>

namespace visplay {

/// Exact KL of one token's distribution to the reference's, sum_v p_v (log p_v - log r_v), in nats.
/// @param log_probs        [V], normalised
/// @param ref_log_probs    [V], normalised
/// @param logits_gradient  [V], overwritten with the derivative by the logits; empty: not wanted
/// @throws Error if sizes differ
inline double full_kl(std::span<const float> log_probs, std::span<const float> ref_log_probs,
                      std::span<float> logits_gradient = {}) {
  check(ref_log_probs.size() == log_probs.size() &&
            (logits_gradient.empty() || logits_gradient.size() == log_probs.size()),
        "full_kl: expected rows of {} log-probs, got {} and {}", log_probs.size(),
        ref_log_probs.size(), logits_gradient.size());
  double kl = 0;
  for (std::size_t v = 0; v < log_probs.size(); ++v) {
    const double p = std::exp(double(log_probs[v]));
    if (p > 0) kl += p * (double(log_probs[v]) - double(ref_log_probs[v]));
  }
  for (std::size_t v = 0; v < logits_gradient.size(); ++v) {
    const double p = std::exp(double(log_probs[v]));
    const double d = p > 0 ? double(log_probs[v]) - double(ref_log_probs[v]) : 0;
    logits_gradient[v] = float(p * (d - kl));
  }
  return kl;
}

}  // namespace visplay
