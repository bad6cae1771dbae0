// GreedyBaseline: ReMax's advantage (2310.10505), the distance to what the greedy completion earned
//
//   A_i = r_i - r(greedy completion of the same prompt)
//
// It costs one more completion per prompt and needs no group: a group of one is as good as any.
#pragma once

#include <visplay/advantage/estimator.hpp>
#include <visplay/advantage/grouped_rewards.hpp>

#include <string_view>

namespace visplay {

struct GreedyBaseline {
  static constexpr std::string_view name = "greedy_baseline";

  /// @param greedy  [groups] reward of the greedy completion of each prompt
  /// @throws Error if out, the offsets or the greedy rewards do not fit
  void operator()(GroupedSpan rewards, std::span<const float> greedy, std::span<float> out) const {
    auto batch = detail::read(rewards, out, name);
    detail::check_count(greedy.size(), batch.groups(), name, "greedy rewards");
    for (std::size_t g = 0; g < batch.groups(); ++g)
      for (double& r : batch[g]) r -= greedy[g];
    batch.write(out);
  }
};
static_assert(AdvantageEstimator<With<GreedyBaseline, std::span<const float>>>);

}  // namespace visplay
