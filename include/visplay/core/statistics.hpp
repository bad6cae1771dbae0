// Means and intervals: what tables of results are made of. Sums are in double, in order.
//
//   Interval accuracy = interval_95(per_seed);      // 66.3 +- 1.9 over the seeds
#pragma once

#include <visplay/core/macros.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace visplay {

/// Arithmetic mean of any sized range of numbers; 0 for no values.
template <class Values>
[[nodiscard]] double mean(const Values& values) {
  double sum = 0;
  for (const auto v : values) sum += double(v);
  return values.empty() ? 0. : sum / double(values.size());
}

/// Standard deviation with n - 1 in the denominator, in two passes; 0 for fewer than two values.
template <class Values>
[[nodiscard]] double sample_std(const Values& values) {
  if (values.size() < 2) return 0.;
  const double centre = mean(values);
  double squares = 0;
  for (const auto v : values) squares += (double(v) - centre) * (double(v) - centre);
  return std::sqrt(squares / double(values.size() - 1));
}

struct Interval {
  double mean = 0;
  double low = 0;
  double high = 0;

  [[nodiscard]] double half_width() const { return (high - low) / 2; }
  [[nodiscard]] bool contains(double x) const { return low <= x && x <= high; }
};

/// The 0.975 quantile of Student's t with df >= 1 degrees of freedom, relative error below 1e-6.
[[nodiscard]] double student_t_975(std::int64_t df);

/// 95 % confidence interval of the mean by Student's t: mean +- t s / sqrt(n). One value says
/// nothing about the spread: then the interval is the whole line. No values: all zero.
[[nodiscard]] inline Interval interval_95(std::span<const double> values) {
  const double centre = mean(values);
  if (values.empty()) return {};
  if (values.size() == 1)
    return {centre, -std::numeric_limits<double>::infinity(),
            std::numeric_limits<double>::infinity()};
  const double half = student_t_975(std::int64_t(values.size()) - 1) * sample_std(values) /
                      std::sqrt(double(values.size()));
  return {centre, centre - half, centre + half};
}

/// 95 % interval of a share, `hits` of `n`, by Wilson's score (1927); good near 0 and 1. `mean` is
/// hits / n, not the centre of the interval. n = 0: [0, 1].
[[nodiscard]] inline Interval wilson_95(std::int64_t hits, std::int64_t n) {
  if (n == 0) return {0., 0., 1.};
  constexpr double z = 1.959963984540054;
  const double p = double(hits) / double(n), zz = z * z / double(n);
  const double centre = (p + zz / 2) / (1 + zz);
  const double half = z / (1 + zz) * std::sqrt(p * (1 - p) / double(n) + zz / (4 * double(n)));
  return {p, hits == 0 ? 0. : centre - half, hits == n ? 1. : centre + half};
}

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/core/statistics.ipp>
#endif
