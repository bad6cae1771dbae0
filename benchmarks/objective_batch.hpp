// The batch that the benchmarks of objectives share: log-probs of B completions of T tokens, or of
// any length up to T.
#pragma once

#include <visplay/core/rng.hpp>
#include <visplay/loss/token_batch.hpp>

#include <cmath>
#include <vector>

namespace visplay {

struct ObjectiveBenchmarkBatch {
  std::vector<std::int64_t> offsets{0};
  std::vector<float> advantages, log_probs, old, ref, entropy, gradient;

  ObjectiveBenchmarkBatch(std::int64_t completions, std::int64_t longest, bool ragged = false) {
    Rng rng(1);
    for (std::int64_t c = 0; c < completions; ++c) {
      const auto length = ragged ? 1 + std::int64_t(rng.below(std::uint64_t(longest))) : longest;
      offsets.push_back(offsets.back() + length);
      advantages.push_back(float(rng.normal()));
    }
    for (std::int64_t t = 0; t < offsets.back(); ++t) {
      const double at = -std::abs(rng.normal());
      old.push_back(float(at));
      log_probs.push_back(float(at + 0.1 * rng.normal()));
      ref.push_back(float(at + 0.1 * rng.normal()));
      entropy.push_back(float(rng.uniform(0, 3)));
    }
    gradient.resize(old.size());
  }
  [[nodiscard]] TokenBatch view() const {
    return {.offsets = offsets,
            .advantages = advantages,
            .log_probs = log_probs,
            .old_log_probs = old,
            .ref_log_probs = ref,
            .entropy = entropy};
  }
};

}  // namespace visplay
