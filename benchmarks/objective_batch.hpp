// The batch that the benchmarks of objectives share: log-probs of B completions of T tokens, or of
// any length up to T.
#pragma once

#include <cmath>
#include <vector>
#include <visplay/core/rng.hpp>

#include "tests/support/token_columns.hpp"

namespace visplay {

struct ObjectiveBenchmarkBatch : testing::TokenColumns {
  std::vector<float> gradient;

  ObjectiveBenchmarkBatch(std::int64_t completions, std::int64_t longest, bool ragged = false)
      : TokenColumns{.offsets = {0}} {
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
};

}  // namespace visplay
