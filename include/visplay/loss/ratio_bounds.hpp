// ratio_bounds: between which ratios pi / pi_old a loss lets a token through, for metrics that count what
// is clipped. Read off the settings that a loss has: clip_low and clip_high (PPO's epsilons), clip_high
// alone, or floor and cap.
#pragma once

#include <visplay/core/macros.hpp>

namespace visplay {

struct RatioBounds {
  float low = 0, high = 0;
};

template <class Loss>
concept BoundsRatio = requires(const Loss& loss) {
  loss.clip_high;
}
|| requires(const Loss& loss) { loss.floor, loss.cap; };

template <BoundsRatio Loss>
[[nodiscard]] VISPLAY_HD constexpr RatioBounds ratio_bounds(const Loss& loss) {
  if constexpr (requires { loss.clip_low, loss.clip_high; })
    return {1 - loss.clip_low, 1 + loss.clip_high};
  else if constexpr (requires { loss.clip_high; })
    return {0, 1 + loss.clip_high};
  else
    return {loss.floor, loss.cap};
}

}  // namespace visplay
