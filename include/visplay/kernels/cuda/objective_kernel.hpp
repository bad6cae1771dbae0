// The CUDA side of kernels/objective.hpp for token losses: a block a completion. The loss functors are
// those of the CPU; here they run on Dual<float>.
#pragma once

#include <visplay/core/dual.hpp>
#include <visplay/kernels/cuda/block.hpp>
#include <visplay/kernels/objective_report.hpp>
#include <visplay/loss/token_loss.hpp>

#include <cstddef>
#include <cstdint>

namespace visplay {

/// Loss and coefficients of an Objective without correction.
template <class Loss, class Kl>
struct TokenObjective {
  Loss loss{};
  Kl kl{};
  float kl_coefficient = 0;
  float entropy_coefficient = 0;
};

/// N tokens in B completions. Views of count 0: not given (no reference policy, entropy zero, all
/// tokens kept) or not wanted.
struct ObjectiveArguments {
  GlobalView<const std::int64_t> offsets{};                    ///< [B + 1]
  GlobalView<const float> advantages{}, weights{};             ///< [B]; weight of each token
  GlobalView<const float> log_probs{}, old_log_probs{};        ///< [N]
  GlobalView<const float> ref_log_probs{}, entropy{}, mask{};  ///< [N]
  GlobalView<float> gradient{};                                ///< [N]
  GlobalView<ObjectiveReport> reports{};                       ///< [B]
};

namespace objective_kernel_detail {

struct MergeReports {
  VISPLAY_DEVICE ObjectiveReport operator()(const ObjectiveReport& a,
                                            const ObjectiveReport& b) const {
    return {a.value + b.value,
            a.tokens + b.tokens,
            a.ratio_sum + b.ratio_sum,
            a.log_ratio_sum + b.log_ratio_sum,
            a.kl_sum + b.kl_sum,
            a.entropy_sum + b.entropy_sum,
            a.clipped_low + b.clipped_low,
            a.clipped_high + b.clipped_high};
  }
};

template <class Loss>
VISPLAY_DEVICE void count_clipped(const Loss& loss, float ratio, float advantage,
                                  ObjectiveReport& report) {
  if constexpr (requires { loss.clip_low, loss.clip_high; }) {
    if (ratio < 1 - loss.clip_low && advantage < 0) report.clipped_low += 1;
    if (ratio > 1 + loss.clip_high && advantage > 0) report.clipped_high += 1;
  }
}

}  // namespace objective_kernel_detail

/// Block b does completion b; the reports add up to that of the batch, in order of b.
template <class Loss, class Kl, Block B>
VISPLAY_DEVICE void objective_kernel(B& block, const TokenObjective<Loss, Kl>& objective,
                                     const ObjectiveArguments& a) {
  using namespace objective_kernel_detail;
  using Number = Dual<float>;
  const auto completion = std::size_t(block.index());
  const auto begin = std::size_t(block.read(a.offsets, completion));
  const auto end = std::size_t(block.read(a.offsets, completion + 1));
  const float advantage = block.read(a.advantages, completion);
  const float weight = block.read(a.weights, completion);
  ObjectiveReport mine;
  for (std::size_t t = begin + std::size_t(block.thread()); t < end;
       t += std::size_t(block.threads())) {
    float slope = 0;
    if (a.mask.count == 0 || block.read(a.mask, t) != 0) {
      TokenTerms<Number> terms;
      terms.log_prob = variable(block.read(a.log_probs, t));
      terms.old_log_prob = Number(block.read(a.old_log_probs, t));
      terms.rollout_log_prob = terms.old_log_prob;
      terms.advantage = Number(advantage);
      if (a.entropy.count > 0) terms.entropy = Number(block.read(a.entropy, t));
      Number loss = objective.loss(terms);
      if (a.ref_log_probs.count > 0) {
        terms.ref_log_prob = Number(block.read(a.ref_log_probs, t));
        const Number kl = objective.kl(terms);
        loss = loss + Number(objective.kl_coefficient) * kl;
        mine.kl_sum += double(kl.value);
      }
      const float entropy = terms.entropy.value, ratio = ratio_of(terms).value;
      slope = weight * loss.derivative;
      mine.value += double(weight * (loss.value - objective.entropy_coefficient * entropy));
      mine.tokens += 1;
      mine.ratio_sum += double(ratio);
      mine.log_ratio_sum += double(terms.log_prob.value - terms.old_log_prob.value);
      mine.entropy_sum += double(entropy);
      count_clipped(objective.loss, ratio, advantage, mine);
    }
    if (a.gradient.count > 0) block.write(a.gradient, t, slope);
  }
  const ObjectiveReport all = block_reduce<0>(block, mine, MergeReports{});
  if (block.thread() == 0) block.write(a.reports, completion, all);
}

}  // namespace visplay
