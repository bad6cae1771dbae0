// LengthWeighted: OPO's advantage (2505.23585), the distance to the mean weighted by length
//
//   A_i = r_i - sum_j l_j r_j / sum_j l_j                     l: tokens of the completions
//
// The baseline of least variance if gradients of different tokens are orthogonal and equally long.
#pragma once

#include <visplay/advantage/estimator.hpp>
#include <visplay/advantage/grouped_rewards.hpp>

#include <string_view>

namespace visplay {

struct LengthWeighted {
  static constexpr std::string_view name = "length_weighted";
  Lone lone = Lone::zero;

  /// @param lengths  [n] tokens, >= 0; a group without a token falls back on the plain mean
  /// @throws Error if out, the offsets or the lengths do not fit the rewards
  void operator()(GroupedSpan rewards, std::span<const std::int64_t> lengths,
                  std::span<float> out) const {
    auto batch = detail::read(rewards, out, name);
    detail::check_count(lengths.size(), batch.values.size(), name, "lengths");
    for (std::size_t g = 0; g < batch.groups(); ++g) {
      const auto group = batch[g];
      if (group.size() == 1 && lone == Lone::raw) continue;
      detail::subtract(group, baseline(group, lengths.subspan(rewards.begin(g), group.size())));
    }
    batch.write(out);
  }

 private:
  static double baseline(std::span<const double> group, std::span<const std::int64_t> lengths) {
    double tokens = 0, weighted = 0;
    for (std::size_t i = 0; i < group.size(); ++i) {
      tokens += double(lengths[i]);
      weighted += double(lengths[i]) * group[i];
    }
    return tokens > 0 ? weighted / tokens : mean(group);
  }
};
static_assert(AdvantageEstimator<With<LengthWeighted, std::span<const std::int64_t>>>);

}  // namespace visplay
