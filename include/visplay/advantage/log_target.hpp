// LogTarget: the log of an energy-based target over the group (2603.21289)
//
//   q_i = exp(alpha r_i) / sum_j exp(alpha r_j),        A_i = log q_i, less its mean over the group
//
// Less its mean it is alpha (r_i - mean(r)), unless `bound` cuts log q. Without the mean it is
// what the authors' code hands on, as a reward, to GroupRelative; it is never positive.
#pragma once

#include <visplay/advantage/centred.hpp>

#include <optional>
#include <string_view>

namespace visplay {

struct LogTarget {
  static constexpr std::string_view name = "log_target";
  double alpha = 1;               ///< > 0; inverse temperature
  std::optional<double> bound{};  ///< > 0; log q is held at or above -bound; the authors' clip_adv
  bool centred = true;

  /// @throws Error if out or the offsets do not fit, or alpha or bound is not positive
  void operator()(GroupedSpan rewards, std::span<float> out) const {
    check(alpha > 0 && bound.value_or(1) > 0, "{}: expected alpha and bound above 0, got {} and {}",
          name, alpha, bound.value_or(1));
    auto batch = detail::read(rewards, out, name);
    for (std::size_t g = 0; g < batch.groups(); ++g) {
      to_log_target(batch[g]);
      if (centred) Centred{}.centre(batch[g]);
    }
    batch.write(out);
  }

 private:
  void to_log_target(std::span<double> group) const {
    if (group.empty()) return;
    const double largest = std::ranges::max(group);  // so that no exp overflows
    double sum = 0;
    for (const double r : group) sum += std::exp(alpha * (r - largest));
    for (double& r : group) {
      r = alpha * (r - largest) - std::log(sum);
      if (bound) r = std::max(r, -*bound);
    }
  }
};
static_assert(AdvantageEstimator<LogTarget>);

}  // namespace visplay
