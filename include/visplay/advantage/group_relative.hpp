// GroupRelative: GRPO's advantage (2402.03300), in a group of rewards r
//
//   A_i = (r_i - mean(r)) / (std(r) + epsilon)         std with n - 1, as verl, TRL, the authors' code
//
// A group whose rewards are all equal, so also a group of one, has advantage zero exactly. (verl
// gives a group of one its raw reward; Lone::raw does so.)
#pragma once

#include <visplay/advantage/estimator.hpp>
#include <visplay/advantage/grouped_rewards.hpp>

#include <string_view>

namespace visplay {

struct GroupRelative {
  static constexpr std::string_view name = "group_relative";
  double epsilon = 1e-6;  ///< >= 0; verl 1e-6, TRL 1e-4
  SigmaGuard guard{};
  Lone lone = Lone::zero;

  /// @throws Error if out or the offsets do not fit the rewards
  void operator()(GroupedSpan rewards, std::span<float> out) const {
    auto batch = detail::read(rewards, out, "group advantage", guard);
    for (std::size_t g = 0; g < batch.groups(); ++g) normalise(batch[g]);
    batch.write(out);
  }

  /// One group, in place.
  void normalise(std::span<double> group) const {
    if (group.size() == 1 && lone == Lone::raw) {
      group[0] /= 1 + epsilon;
      return;
    }
    if (detail::all_equal(group)) {
      std::ranges::fill(group, 0.);
      return;
    }
    const double centre = mean(group), scale = guard.divisor(sample_std(group), epsilon);
    for (double& r : group) r = (r - centre) / scale;
  }
};
static_assert(AdvantageEstimator<GroupRelative>);

}  // namespace visplay
