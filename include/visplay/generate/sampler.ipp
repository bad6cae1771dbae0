// Bodies of sampler.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/generate/sampler.hpp>
#include <visplay/kernels/lanes.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace visplay {
namespace detail {

// Zeroes every weight outside the k largest and outside the smallest set of largest weights whose
// share reaches top_p. At least one weight survives.
VISPLAY_INLINE void keep_largest(std::span<float> weights, int top_k, float top_p,
                                 std::vector<std::int32_t>& order) {
  order.resize(weights.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](int a, int b) { return weights[a] > weights[b]; });
  std::size_t kept = weights.size();
  if (top_k > 0 && std::size_t(top_k) < kept) {
    kept = std::size_t(top_k);
    while (kept < order.size() && weights[order[kept]] == weights[order[top_k - 1]]) ++kept;
  }
  if (top_p < 1) {
    double total = 0, reached = 0;
    for (std::size_t i = 0; i < kept; ++i) total += weights[order[i]];
    std::size_t i = 0;
    while (i < kept && (i == 0 || reached < top_p * total)) reached += weights[order[i++]];
    kept = i;
  }
  for (std::size_t i = kept; i < order.size(); ++i) weights[order[i]] = 0;
}

VISPLAY_INLINE std::size_t draw_index(std::span<const float> weights, Rng& rng) {
  double total = 0;
  for (const float w : weights) total += w;
  check(total > 0, "sampling: every token is banned");
  double left = rng.uniform() * total;
  std::size_t last = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] <= 0) continue;
    last = i;
    if ((left -= weights[i]) < 0) break;
  }
  return last;
}

}  // namespace detail

VISPLAY_INLINE SampledToken sample_token(std::span<const float> logits,
                                         const SamplingParams& params, Rng& rng,
                                         SamplerBuffer& buffer) {
  const bool greedy = params.temperature <= 0;
  const float scale = greedy ? 1.f : 1.f / float(params.temperature);
  const int n = int(logits.size());
  buffer.weights.resize(padded(n));
  std::copy(logits.begin(), logits.end(), buffer.weights.begin());
  const float largest = scale * max_of(buffer.weights.data(), n);
  const float log_sum = largest + std::log(exp_and_sum(buffer.weights.data(), n, scale, largest));

  const std::span<float> weights(buffer.weights.data(), n);
  for (const auto id : params.banned_ids)
    if (id >= 0 && id < n) weights[id] = 0;
  std::size_t chosen;
  if (greedy) {
    // By the logits: two of them may have one and the same exponential.
    chosen = logits.size();
    for (int i = 0; i < n; ++i)
      if (weights[i] > 0 && (chosen == logits.size() || logits[i] > logits[chosen])) chosen = i;
    check(chosen < logits.size(), "sampling: every token is banned");
  } else {
    if (params.top_k > 0 || params.top_p < 1)
      detail::keep_largest(weights, params.top_k, float(params.top_p), buffer.order);
    chosen = detail::draw_index(weights, rng);
  }
  return {std::int64_t(chosen), scale * logits[chosen] - log_sum};
}

}  // namespace visplay
