// Centred: Dr. GRPO's advantage (2503.20783), the distance to the group's mean
//
//   A_i = r_i - mean(r)
//
// Without a division easy and hard questions weigh as much as their rewards differ. Pair it with
// Aggregation::Kind::constant, as the paper does. TRL: scale_rewards "none".
#pragma once

#include <visplay/advantage/estimator.hpp>
#include <visplay/advantage/grouped_rewards.hpp>

#include <string_view>

namespace visplay {

struct Centred {
  static constexpr std::string_view name = "centred";
  Lone lone = Lone::zero;

  /// @throws Error if out or the offsets do not fit the rewards
  void operator()(GroupedSpan rewards, std::span<float> out) const {
    auto batch = detail::read(rewards, out, name);
    for (std::size_t g = 0; g < batch.groups(); ++g) centre(batch[g]);
    batch.write(out);
  }

  /// One group, in place.
  void centre(std::span<double> group) const {
    if (group.size() != 1 || lone == Lone::zero) detail::subtract(group, mean(group));
  }
};
static_assert(AdvantageEstimator<Centred>);

}  // namespace visplay
