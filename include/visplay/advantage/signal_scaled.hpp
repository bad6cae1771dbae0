// SignalScaled: GPG's advantage (2504.02546), centred and scaled up for groups without a signal
//
//   A_i = alpha (r_i - mean(r)) / norm,        alpha = n / (completions that count)
//
// Groups of equal rewards give no gradient but stay in the denominator of the loss; alpha makes up
// for them. What counts: the completions of groups with a signal, n - M in the paper, or, in verl's
// reading, the rewards other than zero. GPG's loss is -A log pi.
#pragma once

#include <visplay/advantage/centred.hpp>

#include <string_view>

namespace visplay {

struct SignalScaled {
  static constexpr std::string_view name = "signal_scaled";
  enum class Counted { groups_with_signal, nonzero_rewards };
  Counted counted = Counted::groups_with_signal;  ///< the paper; nonzero_rewards: verl's gpg
  double norm = 1;                                ///< F, > 0; verl's f_norm
  Lone lone = Lone::zero;

  /// @throws Error if out or the offsets do not fit the rewards, or norm is not positive
  void operator()(GroupedSpan rewards, std::span<float> out) const {
    check(norm > 0, "{}: expected a norm above 0, got {}", name, norm);
    auto batch = detail::read(rewards, out, name);
    const double alpha = double(batch.values.size()) / std::max(count(batch), 1.);
    for (std::size_t g = 0; g < batch.groups(); ++g) Centred{lone}.centre(batch[g]);
    for (double& a : batch.values) a *= alpha / norm;
    batch.write(out);
  }

 private:
  [[nodiscard]] double count(detail::GroupedRewards& batch) const {
    if (counted == Counted::nonzero_rewards)
      return double(std::ranges::count_if(batch.values, [](double r) { return r != 0; }));
    double completions = 0;
    for (std::size_t g = 0; g < batch.groups(); ++g)
      if (!detail::all_equal(batch[g])) completions += double(batch[g].size());
    return completions;
  }
};
static_assert(AdvantageEstimator<SignalScaled>);

}  // namespace visplay
