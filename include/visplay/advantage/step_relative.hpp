// StepRelative: GiGPO's advantage (2505.10978) for completions that act in several steps. A step is
// compared with the whole episodes of its group and with the steps taken from the same state
//
//   A_s = A^E(episode of s) + weight * A^S(s)
//
// A^E: the group's episode returns, normalised; A^S: the discounted returns of the steps of the
// group that began in the same anchor state, normalised. A state that was met once adds nothing.
#pragma once

#include <visplay/advantage/group_relative.hpp>

#include <map>
#include <string_view>
#include <utility>
#include <vector>

namespace visplay {

/// Steps, packed by episode; episodes, packed by group.
struct StepBatch {
  std::span<const float> rewards{};          ///< [S] of each step
  std::span<const std::int64_t> episodes{};  ///< [E + 1] offsets of steps
  std::span<const std::int64_t> groups{};    ///< [groups + 1] offsets of episodes
  std::span<const std::int64_t> anchors{};   ///< [S] which state the step began in, any numbering
};

struct StepRelative {
  static constexpr std::string_view name = "step_relative";
  double weight = 1;           ///< omega, >= 0; the paper's 1
  double gamma = 0.95;         ///< discount of the steps' returns, in [0, 1]; the paper's 0.95
  bool divide_by_std = true;   ///< false: the paper's variant with a divisor of 1
  GroupRelative normaliser{};  ///< epsilon, guard and lone of both parts

  /// @param out  [S]
  /// @throws Error if the parts of the batch do not fit each other or out
  void operator()(const StepBatch& batch, std::span<float> out) const {
    check_offsets(batch.episodes, batch.rewards.size(), name);
    const std::size_t episodes = batch.episodes.empty() ? 0 : batch.episodes.size() - 1;
    check_offsets(batch.groups, episodes, name);
    check(batch.anchors.size() == out.size() && out.size() == batch.rewards.size(),
          "{}: expected {} anchors and advantages, got {} and {}", name, batch.rewards.size(),
          batch.anchors.size(), out.size());
    std::vector<double> advantages(out.size());
    for (std::size_t g = 0; g + 1 < batch.groups.size(); ++g)
      add_group(batch, std::size_t(batch.groups[g]), std::size_t(batch.groups[g + 1]), advantages);
    std::ranges::transform(advantages, out.begin(), detail::to_float);
  }

 private:
  void normalise(std::span<double> values) const {
    if (divide_by_std)
      normaliser.normalise(values);
    else
      detail::subtract(values, mean(values));
  }

  // Episodes first ... last - 1.
  void add_group(const StepBatch& batch, std::size_t first, std::size_t last,
                 std::span<double> advantages) const {
    std::vector<double> totals;
    std::map<std::int64_t, std::vector<std::pair<std::size_t, double>>>
        met;  // anchor: step, return
    for (std::size_t e = first; e < last; ++e) {
      double total = 0, following = 0;
      for (auto s = std::size_t(batch.episodes[e + 1]); s-- > std::size_t(batch.episodes[e]);) {
        total += batch.rewards[s];
        following = batch.rewards[s] + gamma * following;
        met[batch.anchors[s]].emplace_back(s, following);
      }
      totals.push_back(total);
    }
    normalise(totals);
    for (std::size_t e = first; e < last; ++e)
      for (auto s = batch.episodes[e]; s < batch.episodes[e + 1]; ++s)
        advantages[std::size_t(s)] += totals[e - first];
    for (const auto& [anchor, steps] : met) {
      std::vector<double> returns;
      for (const auto& step : steps) returns.push_back(step.second);
      normalise(returns);
      for (std::size_t j = 0; j < steps.size(); ++j)
        advantages[steps[j].first] += weight * returns[j];
    }
  }
};

}  // namespace visplay
