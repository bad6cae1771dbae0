// GroupRelative: GRPO's advantage (2402.03300), in a group of rewards r
//
//   A_i = (r_i - mean(r)) / (std(r) + epsilon)         std with n - 1, as verl and the authors' code
//
// A group whose rewards are all equal, so also a group of one, has advantage zero exactly. (verl
// gives a group of one its raw reward; there is nothing to compare it with.)
#pragma once

#include <visplay/advantage/estimator.hpp>
#include <visplay/core/error.hpp>
#include <visplay/core/statistics.hpp>

#include <algorithm>
#include <functional>
#include <string_view>

namespace visplay {

struct GroupRelative {
  static constexpr std::string_view name = "group_relative";
  double epsilon = 1e-6;  ///< >= 0; verl 1e-6, TRL 1e-4

  /// @throws Error if out or the offsets do not fit the rewards
  void operator()(GroupedSpan rewards, std::span<float> out) const {
    check_offsets(rewards.offsets, rewards.values.size(), "group advantage");
    check(out.size() == rewards.values.size(),
          "group advantage: expected room for {} advantages, got {}", rewards.values.size(),
          out.size());
    for (std::size_t g = 0; g < rewards.groups(); ++g) {
      const std::span<const float> group = rewards[g];
      const auto advantages = out.subspan(rewards.begin(g), group.size());
      if (std::ranges::adjacent_find(group, std::not_equal_to<>{}) == group.end()) {
        std::ranges::fill(advantages, 0.f);
        continue;
      }
      const double centre = mean(group), scale = sample_std(group) + epsilon;
      std::ranges::transform(group, advantages.begin(),
                             [=](float r) { return float((r - centre) / scale); });
    }
  }
};
static_assert(AdvantageEstimator<GroupRelative>);

}  // namespace visplay
