// Which groups of completions are worth a step. A group of equal rewards has no advantage and moves
// nothing; one that is nearly always right or wrong moves little.
//
//   OnlineFilter{0.01, 0.99}       keep a group if its mean is strictly between     EasyR1, PRIME
//   DynamicSampling{64}(draw)      draw until 64 groups have a signal               DAPO, 2503.14476
//
//   const auto drawn = DynamicSampling{.groups = 64}([&](int attempt) {
//     return score(engine.generate(prompts(attempt), params, rng.fork("attempt", attempt)));
//   });
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/grouped_span.hpp>
#include <visplay/core/statistics.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <functional>
#include <span>
#include <utility>
#include <vector>

namespace visplay {

/// A standard deviation above 0: not all rewards are the same.
[[nodiscard]] inline bool has_signal(std::span<const float> rewards) {
  return std::ranges::adjacent_find(rewards, std::not_equal_to<>{}) != rewards.end();
}

struct OnlineFilter {
  double low = 0.01;   ///< the mean must be above it
  double high = 0.99;  ///< the mean must be below it

  [[nodiscard]] bool operator()(std::span<const float> scores) const {
    const double centre = mean(scores);
    return !scores.empty() && low < centre && centre < high;
  }
  /// The groups that stay, ascending.
  [[nodiscard]] std::vector<std::size_t> operator()(GroupedSpan scores) const {
    std::vector<std::size_t> kept;
    for (std::size_t g = 0; g < scores.groups(); ++g)
      if ((*this)(scores[g])) kept.push_back(g);
    return kept;
  }
};

/// A group with its rewards, which is all that the choice looks at.
template <class G>
concept RewardedGroup = requires(const G& group) {
  { group.rewards } -> std::convertible_to<std::span<const float>>;
};

template <RewardedGroup Group>
struct DrawnGroups {
  std::vector<Group> groups{};  ///< at most as many as were asked for, in the order of drawing
  int attempts = 0;
  int drawn = 0;      ///< groups that were looked at
  bool full = false;  ///< as many as were asked for
};

struct DynamicSampling {
  int groups = 64;        ///< wanted, >= 1
  int max_attempts = 10;  ///< >= 1; then what there is has to do

  /// @param draw  (attempt from 0) -> std::vector<Group>
  /// @throws Error for settings out of range
  template <class Draw>
  auto operator()(Draw&& draw) const {
    using Group = typename decltype(draw(0))::value_type;
    check(groups >= 1 && max_attempts >= 1,
          "dynamic sampling: expected at least 1 group and 1 attempt, got {} and {}", groups,
          max_attempts);
    DrawnGroups<Group> found;
    while (!found.full && found.attempts < max_attempts) {
      auto batch = draw(found.attempts++);
      found.drawn += int(batch.size());
      for (Group& group : batch) {
        if (found.full || !has_signal(group.rewards)) continue;
        found.groups.push_back(std::move(group));
        found.full = int(found.groups.size()) == groups;
      }
    }
    return found;
  }
};

}  // namespace visplay
