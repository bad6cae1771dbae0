// Sums over a row of logits from which log-probs, entropy and sum p^2 follow, and how sums of parts
// merge. In base 2: with y_j = c x_j - r for c = log2(e) / temperature and any offset r that keeps 2^y
// in range,
//
//   S = sum 2^y     W = sum y 2^y     Q = sum 4^y
//   log p_j = ln 2 (y_j - log2 S)     H = ln 2 (log2 S - W / S)     sum p^2 = Q / S^2
#pragma once

#include <visplay/core/macros.hpp>

#include <cmath>

namespace visplay::log_probs_detail {

constexpr double ln2 = 0.693147180559945309417;

/// c, rounded to float once, so that all who use it mean the same temperature (3e-8 off at most).
VISPLAY_HD inline float factor_of(float temperature) {
  return float(1 / (ln2 * double(temperature)));
}

struct RowSums {
  double offset = 0;  ///< r
  double sum = 0, weighted = 0, squares = 0;

  /// The same numbers by another offset.
  VISPLAY_HD void refer_to(double other) {
    const double by = offset - other, scale = std::exp2(by);
    weighted = scale * (weighted + by * sum);
    sum *= scale;
    squares *= scale * scale;
    offset = other;
  }
  /// Adds sums by the same offset.
  VISPLAY_HD void add(double s, double w, double q) { sum += s, weighted += w, squares += q; }

  VISPLAY_HD double log_prob(float x, float factor) const {
    return ln2 * (double(x) * double(factor) - offset - std::log2(sum));
  }
  VISPLAY_HD double log_sum_exp() const { return ln2 * (offset + std::log2(sum)); }
  VISPLAY_HD double entropy() const { return ln2 * (std::log2(sum) - weighted / sum); }
  VISPLAY_HD double sum_of_squares() const { return squares / (sum * sum); }
};

/// The gradient of g log p_t + h H by the logit x_j, less the g / T that the target has on top:
/// 2^y (a + b y) with y = log2 p_j.
struct RowSlope {
  float a = 0, b = 0;
  float reference = 0;  ///< log2 of the sum of exponentials
};

VISPLAY_HD inline RowSlope slope_of(double log_prob_gradient, double entropy_gradient,
                                    double log_sum_exp, double entropy, double temperature) {
  return {float((-log_prob_gradient - entropy_gradient * entropy) / temperature),
          float(-entropy_gradient * ln2 / temperature), float(log_sum_exp / ln2)};
}

/// The whole gradient by the target's logit, of log-prob log_p, without the difference of large numbers
/// that the two parts are.
template <class Real>
VISPLAY_HD Real slope_at_target(Real log_prob_gradient, Real entropy_gradient, Real log_p,
                                Real entropy, Real temperature) {
  const Real p = std::exp(log_p);
  const Real by_entropy = p > 0 ? p * (log_p + entropy) : 0;  // masked: 0, where the product is NaN
  return (log_prob_gradient * (1 - p) - entropy_gradient * by_entropy) / temperature;
}

}  // namespace visplay::log_probs_detail
