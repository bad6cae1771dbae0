// Offsets of groups: where each begins when all are laid end to end.
//
//   const auto offsets = offsets_of(rollouts);               // of completions in groups
//   advantage(GroupedSpan{rewards.total, offsets}, out);
#pragma once

#include <visplay/data/rollout_group.hpp>

#include <cstdint>
#include <ranges>
#include <vector>

namespace visplay {

/// [groups + 1]: 0, then the running sum of size_of(group).
template <std::ranges::input_range Groups, class SizeOf>
[[nodiscard]] std::vector<std::int64_t> offsets_of(const Groups& groups, const SizeOf& size_of) {
  std::vector<std::int64_t> offsets{0};
  for (const auto& group : groups) offsets.push_back(offsets.back() + std::int64_t(size_of(group)));
  return offsets;
}

/// Of the completions in each group.
template <std::ranges::input_range Groups>
[[nodiscard]] std::vector<std::int64_t> offsets_of(const Groups& groups) {
  return offsets_of(groups, [](const RolloutGroup& g) { return g.completions.size(); });
}

}  // namespace visplay
