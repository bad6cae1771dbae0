// LeaveBest: the advantage for pass@k with k the group's size (2503.19595). Only the best completion
// is paid, by how much the best of the group would fall without it
//
//   A_best = (r_(1) - r_(2)) / (std(r) + epsilon),        all others 0
//
// Two equally good best ones: nobody is missed, all are 0. verl: grpo_passk.
#pragma once

#include <visplay/advantage/estimator.hpp>
#include <visplay/advantage/grouped_rewards.hpp>

#include <string_view>

namespace visplay {

struct LeaveBest {
  static constexpr std::string_view name = "leave_best";
  bool divide_by_std = true;  ///< with n - 1; verl's norm_adv_by_std_in_grpo
  double epsilon = 1e-6;      ///< >= 0; verl 1e-6; not read without the division
  SigmaGuard guard{};

  /// A group of one is 0 (verl refuses it).
  /// @throws Error if out or the offsets do not fit the rewards
  void operator()(GroupedSpan rewards, std::span<float> out) const {
    auto batch = detail::read(rewards, out, name, guard);
    for (std::size_t g = 0; g < batch.groups(); ++g) pay_best(batch[g]);
    batch.write(out);
  }

 private:
  void pay_best(std::span<double> group) const {
    if (detail::all_equal(group)) {
      std::ranges::fill(group, 0.);
      return;
    }
    const auto best = std::ranges::max_element(group);
    double second = -std::numeric_limits<double>::infinity();
    for (auto r = group.begin(); r != group.end(); ++r)
      if (r != best) second = std::max(second, *r);
    const double scale = divide_by_std ? guard.divisor(sample_std(group), epsilon) : 1.;
    const double missed = *best - second;
    std::ranges::fill(group, 0.);
    if (missed > 0) *best = missed / scale;
  }
};
static_assert(AdvantageEstimator<LeaveBest>);

}  // namespace visplay
