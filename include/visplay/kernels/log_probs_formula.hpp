// Sums over a row of logits from which log-probs, entropy and sum p^2 follow, and how sums of parts
// merge. In base 2: with y_j = (x_j - r) c for c = log2(e) / temperature and any reference r that
// keeps 2^y in range,
//
//   S = sum 2^y     W = sum y 2^y     Q = sum 4^y
//   log p_j = ln 2 (y_j - log2 S)     H = ln 2 (log2 S - W / S)     sum p^2 = Q / S^2
#pragma once

#include <visplay/core/macros.hpp>

#include <cmath>

namespace visplay::log_probs_detail {

constexpr double ln2 = 0.693147180559945309417;

/// c, in double.
VISPLAY_HD inline double factor_of(float temperature) { return 1 / (ln2 * double(temperature)); }

struct RowSums {
  float reference = 0;
  double sum = 0, weighted = 0, squares = 0;

  /// Of the same numbers, by another reference.
  VISPLAY_HD void refer_to(float other, double factor) {
    const double by = (double(reference) - double(other)) * factor, scale = std::exp2(by);
    weighted = scale * (weighted + by * sum);
    sum *= scale;
    squares *= scale * scale;
    reference = other;
  }
  /// Adds sums by the same reference.
  VISPLAY_HD void add(double s, double w, double q) { sum += s, weighted += w, squares += q; }

  VISPLAY_HD double log_prob(float x, double factor) const {
    return ln2 * ((double(x) - double(reference)) * factor - std::log2(sum));
  }
  VISPLAY_HD double log_sum_exp(double factor) const {
    return ln2 * (double(reference) * factor + std::log2(sum));
  }
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

}  // namespace visplay::log_probs_detail
