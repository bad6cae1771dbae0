// What the objective's CUDA kernels read and what they say: the columns of a TokenBatch in global
// memory, an Objective without its aggregation, sums of reports.
#pragma once

#include <visplay/core/dual.hpp>
#include <visplay/kernels/cuda/block.hpp>
#include <visplay/kernels/objective_report.hpp>
#include <visplay/loss/correction.hpp>
#include <visplay/loss/ratio_bounds.hpp>
#include <visplay/loss/sequence_loss.hpp>
#include <visplay/loss/token_loss.hpp>

#include <cstddef>
#include <cstdint>

namespace visplay {

/// As TokenBatch: N tokens in B completions. Views of count 0 are not given.
struct ObjectiveColumns {
  GlobalView<const std::int64_t> offsets{};                       ///< [B + 1]
  GlobalView<const float> advantages{}, token_advantages{};       ///< [B] or [N]
  GlobalView<const float> log_probs{}, old_log_probs{};           ///< [N]
  GlobalView<const float> ref_log_probs{}, rollout_log_probs{};   ///< [N]
  GlobalView<const float> entropy{}, weights{}, marks{}, mask{};  ///< [N]

  template <Block B>
  VISPLAY_DEVICE bool kept(B& block, std::size_t t) const {
    return mask.count == 0 || block.read(mask, t) != 0;
  }
  /// Of one token, as constants but for log_prob, which is the variable.
  template <class S, Block B>
  VISPLAY_DEVICE TokenTerms<Dual<S>> terms(B& block, std::size_t completion, std::size_t t) const {
    const auto read = [&](const GlobalView<const float>& from, float otherwise) {
      return Dual<S>(S(from.count == 0 ? otherwise : block.read(from, t)));
    };
    const float log_prob = block.read(log_probs, t), old = block.read(old_log_probs, t);
    TokenTerms<Dual<S>> terms;
    terms.log_prob = variable(S(log_prob));
    terms.old_log_prob = Dual<S>(S(old));
    terms.ref_log_prob = read(ref_log_probs, log_prob);
    terms.rollout_log_prob = read(rollout_log_probs, old);
    terms.advantage = token_advantages.count == 0 ? Dual<S>(S(block.read(advantages, completion)))
                                                  : read(token_advantages, 0);
    terms.entropy = read(entropy, 0);
    terms.weight = read(weights, 1);
    terms.mark = read(marks, 0);
    return terms;
  }
};

/// What a sequence or group loss says of a completion.
struct CompletionLoss {
  double value = 0;  ///< its part of the objective's value
  double clipped_low = 0, clipped_high = 0;
  float slope = 0;  ///< of the policy loss by a token's summand, less the aggregation's weight
};

/// An Objective without its aggregation, which is a weight a completion here.
template <class Loss, class Kl, class Correction>
struct DeviceObjective {
  static constexpr bool of_tokens = TokenLoss<Loss>;
  Loss loss{};
  Kl kl{};
  float kl_coefficient = 0, entropy_coefficient = 0;
  Correction correction{};

  template <class T>
  VISPLAY_HD T policy_weight(const TokenTerms<T>& t) const {
    return t.weight * correction(t);
  }
  /// Loss and derivative by the log-prob. @param slope  CompletionLoss's, where the loss is not of tokens
  template <class T>
  VISPLAY_HD T policy_loss(const TokenTerms<T>& t, float slope) const {
    if constexpr (of_tokens) {
      return detach(policy_weight(t)) * loss(t);
    } else {
      const float counts = token_form<Loss> ? policy_weight(t).value : 1.f;
      return {0.f, counts * slope * loss.summand(t).derivative};
    }
  }
};

/// Adds `tokens` to a report if the loss bounds the ratio and this one is outside.
template <class Loss>
VISPLAY_DEVICE void count_clipped(const Loss& loss, double ratio, double advantage, double tokens,
                                  auto& report) {
  if constexpr (BoundsRatio<Loss>) {
    const RatioBounds bounds = ratio_bounds(loss);
    if (ratio < double(bounds.low) && advantage < 0) report.clipped_low += tokens;
    if (ratio > double(bounds.high) && advantage > 0) report.clipped_high += tokens;
  }
}

struct AddReports {
  VISPLAY_DEVICE ObjectiveReport operator()(const ObjectiveReport& a,
                                            const ObjectiveReport& b) const {
    ObjectiveReport sum = a;
    return sum += b;
  }
};

/// Completions of a group.
struct GroupRange {
  std::size_t begin = 0, end = 0;
};

/// That of the block's index. @param groups  [P + 1], or none: all `count` are one
template <Block B>
VISPLAY_DEVICE GroupRange range_of(B& block, const GlobalView<const std::int64_t>& groups,
                                   std::size_t count) {
  if (groups.count == 0) return {0, count};
  const auto group = std::size_t(block.index());
  return {std::size_t(block.read(groups, group)), std::size_t(block.read(groups, group + 1))};
}

}  // namespace visplay
