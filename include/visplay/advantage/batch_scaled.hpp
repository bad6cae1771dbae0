// BatchScaled: the distance to the group's mean in standard deviations of the whole batch
//
//   A_i = (r_i - mean_g(r)) / (std_batch(r) + epsilon)         std with n - 1 over all rewards
//
// LitePPO (2508.08221); TRL: scale_rewards "batch". A group whose rewards hardly differ keeps small
// advantages, which GroupRelative would blow up.
#pragma once

#include <visplay/advantage/centred.hpp>

#include <string_view>

namespace visplay {

struct BatchScaled {
  static constexpr std::string_view name = "batch_scaled";
  double epsilon = 1e-4;  ///< >= 0; TRL 1e-4
  SigmaGuard guard{};

  /// @throws Error if out or the offsets do not fit the rewards
  void operator()(GroupedSpan rewards, std::span<float> out) const {
    auto batch = detail::read(rewards, out, name, guard);
    const double scale = guard.divisor(sample_std(batch.values), epsilon);
    for (std::size_t g = 0; g < batch.groups(); ++g) Centred{}.centre(batch[g]);
    for (double& a : batch.values)
      if (a != 0) a /= scale;  // so that all equal is zero also with an epsilon of zero
    batch.write(out);
  }
};
static_assert(AdvantageEstimator<BatchScaled>);

}  // namespace visplay
