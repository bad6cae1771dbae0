// Bodies of sequence_correction.hpp.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/loss/sequence_correction.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace visplay {
namespace sequence_correction_detail {

inline double bounded(double log_ratio) {
  return std::clamp(log_ratio, -double(log_ratio_bound), double(log_ratio_bound));
}

inline double log_c(const TokenBatch& batch, std::size_t t, Numerator numerator) {
  const auto above = numerator == Numerator::old ? batch.old_log_probs[t] : batch.log_probs[t];
  return double(above) - batch.behaviour_log_prob(t);
}

/// Sum of log c over each completion's kept tokens. [B]
inline std::vector<double> log_products(const TokenBatch& batch, Numerator numerator) {
  std::vector<double> sums(batch.completions());
  for_each_kept(batch,
                [&](std::size_t i, std::size_t t) { sums[i] += log_c(batch, t, numerator); });
  return sums;
}

}  // namespace sequence_correction_detail

VISPLAY_INLINE void SequenceTis::operator()(const TokenBatch& batch,
                                            std::span<float> weights) const {
  check_rule(batch, weights, name);
  const auto sums = sequence_correction_detail::log_products(batch, numerator);
  for_each_kept(batch, [&](std::size_t i, std::size_t t) {
    const double ratio = std::exp(sequence_correction_detail::bounded(sums[i]));
    weights[t] *= float(std::clamp(ratio, double(floor), double(cap)));
  });
}

VISPLAY_INLINE void SequenceMask::operator()(const TokenBatch& batch,
                                             std::span<float> weights) const {
  check_rule(batch, weights, name);
  const auto sums = sequence_correction_detail::log_products(batch, numerator);
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const double tokens = double(std::max<std::int64_t>(1, batch.length(i)));
    const double ratio =
        std::exp(sequence_correction_detail::bounded(geometric ? sums[i] / tokens : sums[i]));
    const bool inside = ratio >= double(low) && ratio <= double(high);
    const float weight = !inside ? 0 : weighted ? float(ratio) : 1;
    for (auto t = std::size_t(batch.offsets[i]); t < std::size_t(batch.offsets[i + 1]); ++t)
      if (batch.kept(t)) weights[t] *= weight;
  }
}

VISPLAY_INLINE void Rejection::operator()(const TokenBatch& batch, std::span<float> mask) const {
  check_rule(batch, mask, name);
  check(high > 0 && (statistic != Statistic::k1 || (low > 0 && low <= high)),
        "rejection: expected bounds above 0 in order, got {} and {}", low, high);
  check(statistic != Statistic::k1 || over != Over::max, "rejection: k1 has no maximum");
  const auto of_token = [&](std::size_t t) {
    const double x =
        sequence_correction_detail::bounded(sequence_correction_detail::log_c(batch, t, numerator));
    if (statistic == Statistic::k1) return -x;
    return statistic == Statistic::k2 ? x * x / 2 : std::exp(x) - 1 - x;
  };
  const auto fails = [&](double value) {
    if (statistic != Statistic::k1) return value > double(high);
    return value < std::log(double(low)) || value > std::log(double(high));
  };
  const auto lengths = kept_lengths(batch);
  const double lowest = -std::numeric_limits<double>::infinity();
  std::vector<double> whole(batch.completions(), over == Over::max ? lowest : 0.);
  for_each_kept(batch, [&](std::size_t i, std::size_t t) {
    const double value = of_token(t);
    whole[i] = over == Over::max ? std::max(whole[i], value) : whole[i] + value;
  });
  for_each_kept(batch, [&](std::size_t i, std::size_t t) {
    const double size = over == Over::mean ? lengths[i] : 1;
    if (fails(over == Over::token ? of_token(t) : whole[i] / size)) mask[t] = 0;
  });
}

VISPLAY_INLINE void NormalizeWeights::operator()(const TokenBatch& batch,
                                                 std::span<float> weights) const {
  check_rule(batch, weights, name);
  const auto lengths = kept_lengths(batch);
  double sum = 0, count = 0;
  for_each_kept(batch, [&](std::size_t i, std::size_t t) {
    const double share = by_completion ? 1 / lengths[i] : 1;
    sum += share * double(weights[t]), count += share;
  });
  if (count == 0 || sum / count <= 1e-8) return;
  for_each_kept(batch,
                [&](std::size_t, std::size_t t) { weights[t] = float(weights[t] * count / sum); });
}

static_assert(TokenRule<SequenceTis> && TokenRule<SequenceMask> && TokenRule<Rejection> &&
              TokenRule<NormalizeWeights>);

}  // namespace visplay
