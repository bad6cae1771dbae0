// SkipUnscored: another estimator for batches in which some completions have no reward (NaN). They
// get advantage zero, and the others the advantages that they would have without them, as in TRL
//
//   SkipUnscored<GroupRelative>{}(rewards, out);
//
// Inner estimators that take more than rewards, such as lengths, do not fit: they would still hold
// the entries of the unscored ones.
#pragma once

#include <visplay/advantage/estimator.hpp>
#include <visplay/advantage/grouped_rewards.hpp>

#include <string_view>
#include <vector>

namespace visplay {

template <class Inner>
struct SkipUnscored {
  static_assert(checked_estimator<Inner>());
  static constexpr std::string_view name = "skip_unscored";
  Inner inner{};

  /// @throws Error if out or the offsets do not fit the rewards
  void operator()(GroupedSpan rewards, std::span<float> out) const {
    check_offsets(rewards.offsets, rewards.values.size(), name);
    detail::check_count(out.size(), rewards.values.size(), name, "advantages");
    std::vector<float> scored;
    std::vector<std::int64_t> offsets{0};
    for (std::size_t g = 0; g < rewards.groups(); ++g) {
      for (const float r : rewards[g])
        if (!std::isnan(r)) scored.push_back(r);
      offsets.push_back(std::int64_t(scored.size()));
    }
    std::vector<float> advantages(scored.size());
    inner(GroupedSpan{scored, offsets}, advantages);
    auto next = advantages.begin();
    std::ranges::transform(rewards.values, out.begin(),
                           [&](float r) { return std::isnan(r) ? 0.f : *next++; });
  }
};

}  // namespace visplay
