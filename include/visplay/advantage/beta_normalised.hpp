// BetaNormalised: BNPO's advantage (2506.02864). The divisor is the density of a Beta distribution
// fitted to the success rates p of the batch's groups
//
//   A_i = (r_i - p) / f(p; alpha, beta),     alpha = max(1, 1 + a / 3),  beta = max(1, 1 + b / 3)
//
// with a, b by the method of moments from mean m and variance v (n - 1) of the rates:
// a = m s, b = (1 - m) s, s = m (1 - m) / v - 1. alpha = beta = 1 is Centred. What TRL calls "bnpo" is
// an aggregation, not this.
#pragma once

#include <visplay/advantage/centred.hpp>

#include <string_view>

namespace visplay {

struct BetaNormalised {
  static constexpr std::string_view name = "beta_normalised";
  double low = 0;           ///< rewards from low ...
  double high = 1;          ///< ... to high > low are success shares from 0 to 1
  double max_weight = 1e6;  ///< > 0; bound of 1 / f, the authors' 1e6
  Lone lone = Lone::zero;   ///< raw: a group of one has p = 0, as in the authors' code

  struct Beta {
    double alpha = 1, beta = 1;
  };

  /// @throws Error if out or the offsets do not fit, or a reward is outside [low, high]
  void operator()(GroupedSpan rewards, std::span<float> out) const {
    check(low < high && max_weight > 0,
          "{}: expected low < high and max_weight > 0, got {}, {}, {}", name, low, high,
          max_weight);
    auto batch = detail::read(rewards, out, name);
    for (double& r : batch.values) {
      check(low <= r && r <= high, "{}: expected rewards from {} to {}, got {}", name, low, high,
            r);
      r = (r - low) / (high - low);
    }
    const Beta fitted = fit(rates(batch));
    for (std::size_t g = 0; g < batch.groups(); ++g) {
      const auto group = batch[g];
      const double weight = std::min(1 / density(rate(group), fitted), max_weight);
      Centred{lone}.centre(group);
      for (double& a : group) a *= weight;
    }
    batch.write(out);
  }

  /// @param rates  success rate of each group, in [0, 1]. Fewer than two, or all equal: 1 and 1.
  [[nodiscard]] static Beta fit(std::span<const double> rates) {
    const double m = mean(rates), v = sample_std(rates) * sample_std(rates);
    if (!(v > 0)) return {};
    const double s = m * (1 - m) / v - 1;
    return {std::max(1., 1 + m * s / 3), std::max(1., 1 + (1 - m) * s / 3)};
  }

  /// f(p; alpha, beta) for p in [0, 1]; 0 where it is 0.
  [[nodiscard]] static double density(double p, const Beta& at) {
    const auto power = [](double exponent, double x) {
      return exponent == 0 ? 0. : exponent * std::log(x);
    };
    const double log_norm =
        std::lgamma(at.alpha) + std::lgamma(at.beta) - std::lgamma(at.alpha + at.beta);
    return std::exp(power(at.alpha - 1, p) + power(at.beta - 1, 1 - p) - log_norm);
  }

 private:
  [[nodiscard]] double rate(std::span<const double> group) const {
    return group.size() == 1 && lone == Lone::raw ? 0. : mean(group);
  }
  [[nodiscard]] std::vector<double> rates(detail::GroupedRewards& batch) const {
    std::vector<double> rates;
    for (std::size_t g = 0; g < batch.groups(); ++g)
      if (!batch[g].empty()) rates.push_back(rate(batch[g]));
    return rates;
  }
};
static_assert(AdvantageEstimator<BetaNormalised>);

}  // namespace visplay
