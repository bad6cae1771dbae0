// Bodies of token_rules.hpp.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/loss/token_rules.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace visplay {
namespace token_rules_detail {

/// Kept tokens with one number each.
struct Scores {
  std::vector<std::size_t> tokens;
  std::vector<double> values;

  template <class Of>
  Scores(const TokenBatch& batch, const Of& of) {
    for_each_kept(batch, [&](std::size_t i, std::size_t t) {
      tokens.push_back(t);
      values.push_back(of(i, t));
    });
  }
  [[nodiscard]] std::size_t size() const { return tokens.size(); }
  [[nodiscard]] double mean() const {
    return std::accumulate(values.begin(), values.end(), 0.) / double(size());
  }
  /// Places in falling order of value, equal ones in order of tokens.
  [[nodiscard]] std::vector<std::size_t> largest_first() const {
    std::vector<std::size_t> order(size());
    std::iota(order.begin(), order.end(), std::size_t(0));
    std::ranges::stable_sort(order,
                             [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
    return order;
  }
};

inline double log_ratio(const TokenBatch& batch, std::size_t t) {
  return std::clamp(double(batch.log_probs[t]) - double(batch.old_log_probs[t]),
                    -double(log_ratio_bound), double(log_ratio_bound));
}

/// (A - mean A)(log pi - mean log pi), means over kept tokens.
inline Scores covariances(const TokenBatch& batch) {
  Scores advantages(batch,
                    [&](std::size_t i, std::size_t t) { return double(batch.advantage(i, t)); });
  Scores log_probs(batch, [&](std::size_t, std::size_t t) { return double(batch.log_probs[t]); });
  const double mean_advantage = advantages.mean(), mean_log_prob = log_probs.mean();
  for (std::size_t k = 0; k < log_probs.size(); ++k)
    log_probs.values[k] =
        (advantages.values[k] - mean_advantage) * (log_probs.values[k] - mean_log_prob);
  return log_probs;
}

inline std::size_t share_of(float share, std::size_t tokens) {
  return std::max<std::size_t>(1, std::size_t(share * float(tokens)));
}

}  // namespace token_rules_detail

VISPLAY_INLINE void OverlongFilter::operator()(const TokenBatch& batch,
                                               std::span<float> mask) const {
  check_rule(batch, mask, name);
  check(truncated.size() == batch.completions(), "overlong_filter: expected {} flags, got {}",
        batch.completions(), truncated.size());
  for_each_kept(batch, [&](std::size_t i, std::size_t t) {
    if (truncated[i]) mask[t] = 0;
  });
}

VISPLAY_INLINE void TopEntropy::operator()(const TokenBatch& batch,
                                           std::span<float> weights) const {
  check_rule(batch, weights, name);
  check(batch.entropy.size() == batch.tokens(), "top_entropy: expected {} entropies, got {}",
        batch.tokens(), batch.entropy.size());
  check(share > 0 && share <= 1, "top_entropy: expected a share in (0, 1], got {}", share);
  const token_rules_detail::Scores entropy(
      batch, [&](std::size_t, std::size_t t) { return double(batch.entropy[t]); });
  if (entropy.size() == 0) return;
  std::vector<double> sorted = entropy.values;
  std::ranges::sort(sorted);
  const double rank = (1 - double(share)) * double(sorted.size() - 1);
  const std::size_t below = std::size_t(rank), above = std::min(below + 1, sorted.size() - 1);
  const double threshold = std::lerp(sorted[below], sorted[above], rank - double(below));
  for (std::size_t k = 0; k < entropy.size(); ++k)
    if (entropy.values[k] < threshold) weights[entropy.tokens[k]] = 0;
}

VISPLAY_INLINE void OffPolicySequenceMask::operator()(const TokenBatch& batch,
                                                      std::span<float> weights) const {
  check_rule(batch, weights, name);
  const auto lengths = kept_lengths(batch);
  std::vector<double> drift(batch.completions());
  for_each_kept(batch, [&](std::size_t i, std::size_t t) {
    drift[i] += batch.behaviour_log_prob(t) - double(batch.log_probs[t]);
  });
  for_each_kept(batch, [&](std::size_t i, std::size_t t) {
    if (batch.advantage(i, t) < 0 && drift[i] > double(threshold) * lengths[i]) weights[t] = 0;
  });
}

VISPLAY_INLINE void M2po::operator()(const TokenBatch& batch, std::span<float> weights) const {
  check_rule(batch, weights, name);
  const token_rules_detail::Scores m2(batch, [&](std::size_t, std::size_t t) {
    const double d = batch.behaviour_log_prob(t) - double(batch.old_log_probs[t]);
    return d * d;
  });
  const auto order = m2.largest_first();
  // From the smallest up: how many can stay with a mean below the threshold.
  double sum = 0;
  std::size_t stay = std::min<std::size_t>(1, m2.size());
  for (std::size_t k = 1; k <= m2.size(); ++k) {
    sum += m2.values[order[m2.size() - k]];
    if (sum < double(threshold) * double(k)) stay = k;
  }
  for (std::size_t k = 0; k + stay < m2.size(); ++k) weights[m2.tokens[order[k]]] = 0;
}

VISPLAY_INLINE void Fipo::operator()(const TokenBatch& batch, std::span<float> weights) const {
  check_rule(batch, weights, name);
  for (std::size_t i = 0; i < batch.completions(); ++i) {
    double future = 0;  // from the last token back
    for (auto t = std::size_t(batch.offsets[i + 1]); t-- > std::size_t(batch.offsets[i]);) {
      future *= double(gamma);
      if (!batch.kept(t)) continue;
      const double log_ratio = token_rules_detail::log_ratio(batch, t), ratio = std::exp(log_ratio);
      if (ratio_cap <= 0 || ratio <= double(ratio_cap)) future += log_ratio;
      double weight =
          std::exp(std::clamp(future, -double(log_ratio_bound), double(log_ratio_bound)));
      if (clip > 0)
        weight = std::clamp(weight, only_above_one ? 1. : 1. - double(clip), 1. + double(clip));
      if (safe_ratio > 0 && batch.advantage(i, t) < 0 && ratio > double(safe_ratio))
        weight = std::clamp(weight, 0.8, 1.);
      weights[t] *= float(weight);
    }
  }
}

VISPLAY_INLINE void ClipCov::operator()(const TokenBatch& batch, std::span<float> weights) const {
  check_rule(batch, weights, name);
  const auto covariance = token_rules_detail::covariances(batch);
  std::size_t k = 0;
  std::vector<std::size_t> candidates;
  for_each_kept(batch, [&](std::size_t i, std::size_t t) {
    const double value = covariance.values[k++], advantage = double(batch.advantage(i, t));
    const double ratio = std::exp(token_rules_detail::log_ratio(batch, t));
    const bool clipped = (advantage > 0 && ratio > double(1 + clip_high)) ||
                         (advantage < 0 && ratio < double(1 - clip_low));
    if (!clipped && value > double(low) && value < double(high)) candidates.push_back(t);
  });
  Rng draw = rng;
  draw.shuffle(candidates);
  const std::size_t chosen = token_rules_detail::share_of(share, covariance.size());
  candidates.resize(std::min(chosen, candidates.size()));
  for (const std::size_t t : candidates) weights[t] = 0;
}

VISPLAY_INLINE void KlCovMarks::operator()(const TokenBatch& batch, std::span<float> marks) const {
  check_rule(batch, marks, name);
  check(share > 0 && share <= 1, "kl_cov_marks: expected a share in (0, 1], got {}", share);
  std::ranges::fill(marks, 0.f);
  const auto covariance = token_rules_detail::covariances(batch);
  const auto order = covariance.largest_first();
  const std::size_t chosen = token_rules_detail::share_of(share, order.size());
  for (std::size_t k = 0; k < std::min(chosen, order.size()); ++k)
    marks[covariance.tokens[order[k]]] = 1;
}

VISPLAY_INLINE void P3oMarks::operator()(const TokenBatch& batch, std::span<float> marks) const {
  check_rule(batch, marks, name);
  double count = 0, sum = 0, squares = 0;
  for_each_kept(batch, [&](std::size_t, std::size_t t) {
    const double ratio = std::exp(token_rules_detail::log_ratio(batch, t));
    count += 1, sum += ratio, squares += ratio * ratio;
  });
  std::ranges::fill(marks, count > 0 ? float(sum * sum / (count * squares)) : 1.f);
}

static_assert(TokenRule<OverlongFilter> && TokenRule<TopEntropy> && TokenRule<M2po>);

}  // namespace visplay
