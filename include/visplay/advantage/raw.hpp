// Raw: the reward itself, A_i = r_i. REINFORCE without a baseline; the inside of Whitened<Raw>,
// which takes mean and standard deviation of the whole batch (AReaL's norm level "batch").
#pragma once

#include <visplay/advantage/estimator.hpp>
#include <visplay/advantage/grouped_rewards.hpp>

#include <string_view>

namespace visplay {

struct Raw {
  static constexpr std::string_view name = "raw";

  /// @throws Error if out or the offsets do not fit the rewards
  void operator()(GroupedSpan rewards, std::span<float> out) const {
    detail::read(rewards, out, name).write(out);
  }
};
static_assert(AdvantageEstimator<Raw>);

}  // namespace visplay
