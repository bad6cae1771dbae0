// AdvantageEstimator: how much better a completion was than the others of its group. out[i] belongs
// to rewards.values[i].
#pragma once

#include <visplay/core/grouped_span.hpp>

#include <concepts>
#include <span>

namespace visplay {

template <class A>
concept AdvantageEstimator = requires(const A& advantage, GroupedSpan rewards,
                                      std::span<float> out) {
  { advantage(rewards, out) } -> std::same_as<void>;
};

}  // namespace visplay
