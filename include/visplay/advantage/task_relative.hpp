// TaskRelative: Absolute Zero's task-relative advantage (TRR++, 2505.03335). Mean and standard
// deviation are those of all completions of one role on one kind of task
//
//   A_i = (r_i - mean_{role, task}(r)) / sqrt(var_{role, task}(r) + epsilon)
//
//   key = role * tasks + task                       // any numbering will do
//   TaskRelative{}(rewards, keys, out);
//
// Between a baseline per prompt and one for everything: for roles and tasks whose rewards lie far
// apart. The authors' code whitens over tokens (REINFORCE++ per key), the paper over completions.
#pragma once

#include <visplay/advantage/whitened.hpp>

#include <map>
#include <string_view>
#include <vector>

namespace visplay {

struct TaskRelative {
  static constexpr std::string_view name = "task_relative";
  Whitening whitening{};

  /// Every completion counts once. Groups are not read.
  /// @param keys  [n] of role and task
  /// @throws Error if out, the offsets or the keys do not fit the rewards
  void operator()(GroupedSpan rewards, std::span<const int> keys, std::span<float> out) const {
    (*this)(rewards, keys, {}, out);
  }

  /// Every completion counts as often as it has tokens.
  /// @param lengths  [n] tokens, >= 0; empty: every completion once
  void operator()(GroupedSpan rewards, std::span<const int> keys,
                  std::span<const std::int64_t> lengths, std::span<float> out) const {
    const auto batch = detail::read(rewards, out, name);
    detail::check_count(keys.size(), out.size(), name, "keys");
    if (!lengths.empty()) detail::check_count(lengths.size(), out.size(), name, "lengths");
    std::map<int, std::vector<std::size_t>> members;
    for (std::size_t i = 0; i < keys.size(); ++i) members[keys[i]].push_back(i);
    for (const auto& [key, of_key] : members) {
      std::vector<double> values;
      std::vector<std::int64_t> weights;
      for (const std::size_t i : of_key) {
        values.push_back(batch.values[i]);
        if (!lengths.empty()) weights.push_back(lengths[i]);
      }
      whitening(values, weights);
      for (std::size_t j = 0; j < of_key.size(); ++j) out[of_key[j]] = detail::to_float(values[j]);
    }
  }
};
static_assert(AdvantageEstimator<With<TaskRelative, std::span<const int>>>);

}  // namespace visplay
