// TokenColumns: a TokenBatch that owns what it shows. Columns that stay empty are absent.
#pragma once

#include <visplay/loss/token_batch.hpp>

#include <cstdint>
#include <vector>

namespace visplay::testing {

struct TokenColumns {
  std::vector<std::int64_t> offsets{}, groups{};
  std::vector<float> advantages{}, token_advantages{}, log_probs{}, old{}, ref{}, rollout{},
      entropy{}, weights{}, marks{}, mask{};

  /// Shows the columns; valid as long as they stay where they are.
  [[nodiscard]] TokenBatch batch() const {
    return {.offsets = offsets,
            .advantages = advantages,
            .token_advantages = token_advantages,
            .log_probs = log_probs,
            .old_log_probs = old,
            .ref_log_probs = ref,
            .rollout_log_probs = rollout,
            .entropy = entropy,
            .weights = weights,
            .marks = marks,
            .mask = mask,
            .groups = groups};
  }
};

}  // namespace visplay::testing
