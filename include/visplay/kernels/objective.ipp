// Bodies of objective.hpp.
#pragma once

#include <visplay/kernels/objective.hpp>

#include <algorithm>

namespace visplay::objective_detail {

// A register of each at any level.
alignas(64) inline constexpr std::array<float, 16> zeros{};
alignas(64) inline constexpr std::array<float, 16> ones{1, 1, 1, 1, 1, 1, 1, 1,
                                                        1, 1, 1, 1, 1, 1, 1, 1};

VISPLAY_INLINE std::vector<CompletionTokens> completions_of(const Aggregation& aggregation,
                                                            const TokenBatch& batch,
                                                            const BatchTotals& totals) {
  std::vector<CompletionTokens> completions(batch.completions());
  const std::size_t groups = batch.groups.empty() ? 1 : batch.groups.size() - 1;
  for (std::size_t g = 0; g < groups; ++g) {
    const auto first = batch.groups.empty() ? 0 : std::size_t(batch.groups[g]);
    const auto last = batch.groups.empty() ? completions.size() : std::size_t(batch.groups[g + 1]);
    std::int64_t group_tokens = 0;
    for (std::size_t i = first; i < last; ++i) {
      completions[i] = {std::size_t(batch.offsets[i]), std::size_t(batch.offsets[i + 1]),
                        batch.length(i)};
      group_tokens += completions[i].length;
    }
    for (std::size_t i = first; i < last; ++i)
      if (completions[i].length > 0)
        completions[i].weight =
            float(aggregation.weight(completions[i].length, totals, group_tokens));
  }
  return completions;
}

VISPLAY_INLINE std::vector<std::size_t> block_borders(const TokenBatch& batch, bool whole_groups) {
  const std::int64_t all[] = {0, std::int64_t(batch.completions())};
  const auto groups = batch.groups.empty() ? std::span<const std::int64_t>(all) : batch.groups;
  const std::size_t units = whole_groups ? groups.size() - 1 : batch.completions();
  const auto end_of = [&](std::size_t unit) {
    const std::size_t completion = whole_groups ? std::size_t(groups[unit + 1]) : unit + 1;
    return batch.offsets.empty() ? 0 : std::size_t(batch.offsets[completion]);
  };
  std::vector<std::size_t> borders{0};
  std::size_t begin = 0;  // of the block, in tokens
  for (std::size_t unit = 0; unit < units; ++unit)
    if (end_of(unit) - begin >= objective_block || unit + 1 == units) {
      borders.push_back(unit + 1);
      begin = end_of(unit);
    }
  return borders;
}

VISPLAY_INLINE TokenColumns columns_of(const TokenBatch& batch, std::span<float> gradient,
                                       float* nowhere) {
  const auto column = [](std::span<const float> from, const Column& otherwise) {
    return from.empty() ? otherwise : Column{from.data()};
  };
  const Column zero{zeros.data(), 0}, one{ones.data(), 0};
  const Column log_prob{batch.log_probs.data()}, old_log_prob{batch.old_log_probs.data()};
  return {.log_prob = log_prob,
          .old_log_prob = old_log_prob,
          .ref_log_prob = column(batch.ref_log_probs, log_prob),
          .rollout_log_prob = column(batch.rollout_log_probs, old_log_prob),
          .entropy = column(batch.entropy, zero),
          .weight = column(batch.weights, one),
          .mark = column(batch.marks, zero),
          .mask = column(batch.mask, one),
          .advantage = column(batch.token_advantages, zero),
          .gradient = gradient.empty() ? nowhere : gradient.data(),
          .gradient_moves = gradient.empty() ? 0 : ~std::size_t(0),
          .has_ref = !batch.ref_log_probs.empty(),
          .has_mask = !batch.mask.empty(),
          .has_advantages = !batch.token_advantages.empty()};
}

VISPLAY_INLINE void fill_entropy_gradient(const TokenBatch& batch, const Stretch& stretch,
                                          float coefficient, std::span<float> gradient) {
  const float each = -coefficient * stretch.weight;
  for (std::size_t t = stretch.begin; t < stretch.end; ++t)
    gradient[t] = batch.kept(t) ? each : 0.f;
}

VISPLAY_INLINE void check_objective_batch(const TokenBatch& batch,
                                          const ObjectiveGradient& gradient, bool has_kl,
                                          bool has_entropy) {
  check_batch(batch, "objective");
  const std::size_t tokens = batch.tokens();
  const auto expect = [tokens](std::string_view what, std::size_t got, bool required) {
    check(got == tokens || (got == 0 && !required), "objective: expected {} {}, got {}", tokens,
          what, got);
  };
  expect("reference log-probs for a KL", batch.ref_log_probs.size(), has_kl);
  expect("entropies for an entropy bonus", batch.entropy.size(), has_entropy);
  expect("gradients of log-probs", gradient.log_probs.size(), false);
  expect("gradients of entropies", gradient.entropy.size(), false);
}

}  // namespace visplay::objective_detail
