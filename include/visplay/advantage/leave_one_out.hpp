// LeaveOneOut: RLOO's advantage (2402.14740), the distance to the mean of the others
//
//   A_i = r_i - mean_{j != i}(r_j) = n / (n - 1) (r_i - mean(r))        n: completions of the group
//
// An unbiased baseline; it equals Centred up to a factor that depends on the group's size alone.
// TRL's normalize_advantages is Whitened<LeaveOneOut> with Whitening::trl().
#pragma once

#include <visplay/advantage/centred.hpp>

#include <string_view>

namespace visplay {

struct LeaveOneOut {
  static constexpr std::string_view name = "leave_one_out";
  Lone lone = Lone::zero;  ///< raw: verl's rloo; zero: its rloo_vectorized, TRL

  /// @throws Error if out or the offsets do not fit the rewards
  void operator()(GroupedSpan rewards, std::span<float> out) const {
    auto batch = detail::read(rewards, out, name);
    for (std::size_t g = 0; g < batch.groups(); ++g) {
      const auto group = batch[g];
      Centred{lone}.centre(group);
      if (group.size() < 2) continue;
      const double n = double(group.size());
      for (double& a : group) a *= n / (n - 1);
    }
    batch.write(out);
  }
};
static_assert(AdvantageEstimator<LeaveOneOut>);

}  // namespace visplay
