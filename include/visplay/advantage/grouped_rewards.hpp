// GroupedRewards: the rewards of a batch in double, which an estimator turns into advantages in
// place; and SigmaGuard, two ways to keep a tiny standard deviation from blowing up.
//
// Divided by its standard deviation, a group whose rewards differ by 1e-5 has advantages as large as
// one whose rewards differ by 1. With the guard they stay small, or vanish:
//
//   GroupRelative{.guard = {.min_std = 0.05}}       a spread below 0.05 counts as 0.05
//   GroupRelative{.guard = {.reward_step = 0.01}}   rewards in steps of 0.01: equal ones are equal
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/grouped_span.hpp>
#include <visplay/core/statistics.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

namespace visplay {

/// Off by default, as in every other system.
struct SigmaGuard {
  double min_std = 0;      ///< >= 0; the least standard deviation that is divided by
  double reward_step = 0;  ///< >= 0; rewards are rounded to multiples of it first; 0: as they are

  /// The nearest multiple, halves away from zero. Two rewards closer than a step may still fall on
  /// different multiples.
  [[nodiscard]] double rounded(double reward) const {
    return reward_step > 0 ? std::round(reward / reward_step) * reward_step : reward;
  }
  [[nodiscard]] double divisor(double std, double epsilon) const {
    return std::max(std, min_std) + epsilon;
  }
};

namespace detail {

[[nodiscard]] inline bool all_equal(std::span<const double> values) {
  return std::ranges::all_of(values, [&](double value) { return value == values.front(); });
}

/// Never infinite for a finite advantage, also where a difference of floats is no float.
[[nodiscard]] inline float to_float(double advantage) {
  constexpr double largest = std::numeric_limits<float>::max();
  return float(std::clamp(advantage, -largest, largest));
}

struct GroupedRewards {
  std::vector<double> values{};             ///< [n]
  std::span<const std::int64_t> offsets{};  ///< [groups + 1]

  [[nodiscard]] std::size_t groups() const { return offsets.empty() ? 0 : offsets.size() - 1; }
  [[nodiscard]] std::span<double> operator[](std::size_t g) {
    const auto begin = std::size_t(offsets[g]), end = std::size_t(offsets[g + 1]);
    return std::span(values).subspan(begin, end - begin);
  }
  void write(std::span<float> out) const { std::ranges::transform(values, out.begin(), to_float); }
};

/// @throws Error if out, the offsets or the guard do not fit
[[nodiscard]] inline GroupedRewards read(GroupedSpan rewards, std::span<const float> out,
                                         std::string_view where, const SigmaGuard& guard = {}) {
  check_offsets(rewards.offsets, rewards.values.size(), where);
  check(out.size() == rewards.values.size(), "{}: expected room for {} advantages, got {}", where,
        rewards.values.size(), out.size());
  check(guard.min_std >= 0 && guard.reward_step >= 0,
        "{}: expected a guard of at least 0, got min_std {} and reward_step {}", where,
        guard.min_std, guard.reward_step);
  GroupedRewards batch{.values = {}, .offsets = rewards.offsets};
  batch.values.reserve(rewards.values.size());
  for (const float r : rewards.values) batch.values.push_back(guard.rounded(r));
  return batch;
}

/// @throws Error unless there is one `what` for each of `count`
inline void check_count(std::size_t got, std::size_t count, std::string_view where,
                        std::string_view what) {
  check(got == count, "{}: expected {} {}, got {}", where, count, what, got);
}

/// r - baseline. Equal rewards become zero exactly, whatever rounding did to the baseline.
inline void subtract(std::span<double> group, double baseline) {
  const bool equal = all_equal(group);
  for (double& r : group) r = equal ? 0. : r - baseline;
}

}  // namespace detail
}  // namespace visplay
