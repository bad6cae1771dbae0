// The CUDA side of kernels/objective.hpp: a block a completion. The loss functors are those of the CPU;
// here they run on Dual<float>, those of whole sequences and groups on Dual<double>. objective_driver.hpp
// puts the kernels in order.
#pragma once

#include <visplay/kernels/cuda/group_kernel.hpp>
#include <visplay/kernels/cuda/objective_columns.hpp>
#include <visplay/kernels/objective_report.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace visplay {

/// What a completion's aggregation gives each of its tokens: a power of its length or its group's.
struct TokenWeightRule {
  double of_one = 1;      ///< weight at length 1
  double exponent = 0;    ///< the weight falls with length^exponent
  bool by_group = false;  ///< length: of the group
};

/// Block g does the completions of group g; without groups all are one.
struct TokenWeightsKernel {
  static constexpr int threads = 256;
  TokenWeightRule rule{};
  GlobalView<const MaskedSum> lengths{};    ///< [B], the count of kept tokens
  GlobalView<const std::int64_t> groups{};  ///< [P + 1]
  GlobalView<float> weights{};              ///< [B]

  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    const GroupRange group = range_of(block, groups, weights.count);
    const auto first = group.begin + std::size_t(block.thread());
    const auto step = std::size_t(block.threads());
    double in_group = 0;
    for (std::size_t i = first; i < group.end; i += step) in_group += block.read(lengths, i).count;
    in_group = block_reduce<0>(block, in_group, Plus{});
    for (std::size_t i = first; i < group.end; i += step) {
      const double own = block.read(lengths, i).count, length = rule.by_group ? in_group : own;
      const double power = rule.exponent == 0   ? 1
                           : rule.exponent == 1 ? length
                                                : std::pow(length, rule.exponent);
      block.write(weights, i, own > 0 ? float(rule.of_one / power) : 0.f);
    }
  }
};

/// Block b does completion b; the reports add up to that of the batch.
template <class Objective>
struct ObjectiveKernel {
  static constexpr int threads = 256;
  Objective objective{};
  ObjectiveColumns columns{};
  GlobalView<const float> weights{};                 ///< [B], of each token
  GlobalView<const CompletionLoss> losses{};         ///< [B], of sequence and group losses
  GlobalView<float> gradient{}, entropy_gradient{};  ///< [N], or not wanted
  GlobalView<ObjectiveReport> reports{};             ///< [B]

  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    const auto completion = std::size_t(block.index());
    const auto begin = std::size_t(block.read(columns.offsets, completion));
    const auto end = std::size_t(block.read(columns.offsets, completion + 1));
    const float weight = block.read(weights, completion);
    CompletionLoss whole;
    if constexpr (!Objective::of_tokens) whole = block.read(losses, completion);
    ObjectiveReport mine;
    for (std::size_t t = begin + std::size_t(block.thread()); t < end;
         t += std::size_t(block.threads())) {
      const bool kept = columns.kept(block, t);
      float slope = 0;
      if (kept)
        slope = weight *
                add(columns.template terms<float>(block, completion, t), weight, whole.slope, mine);
      if (gradient.count > 0) block.write(gradient, t, slope);
      if (entropy_gradient.count > 0)
        block.write(entropy_gradient, t, kept ? -objective.entropy_coefficient * weight : 0.f);
    }
    ObjectiveReport all = block_reduce<0>(block, mine, AddReports{});
    all.value += whole.value;
    all.clipped_low += whole.clipped_low, all.clipped_high += whole.clipped_high;
    if (block.thread() == 0) block.write(reports, completion, all);
  }

 private:
  using Terms = TokenTerms<Dual<float>>;

  /// Adds a token to the report. @return the derivative, less the aggregation's weight
  VISPLAY_DEVICE float add(const Terms& terms, float weight, float whole_slope,
                           ObjectiveReport& report) const {
    Dual<float> loss = objective.policy_loss(terms, whole_slope);
    if (columns.ref_log_probs.count > 0) {
      const Dual<float> kl = objective.kl(terms);
      loss = loss + Dual<float>(objective.kl_coefficient) * kl;
      report.kl_sum += double(kl.value);
    }
    const float entropy = terms.entropy.value, ratio = ratio_of(terms).value;
    report.value += double(weight * (loss.value - objective.entropy_coefficient * entropy));
    report.tokens += 1;
    report.ratio_sum += double(ratio);
    report.log_ratio_sum += double(terms.log_prob.value - terms.old_log_prob.value);
    report.entropy_sum += double(entropy);
    if constexpr (Objective::of_tokens)
      count_clipped(objective.loss, ratio, terms.advantage.value, 1.0, report);
    return loss.derivative;
  }
};

/// One block: the sum over completions.
struct ReportKernel {
  static constexpr int threads = 128;
  GlobalView<const ObjectiveReport> reports{};  ///< [B]
  GlobalView<ObjectiveReport> report{};         ///< [1]

  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    ObjectiveReport mine;
    for (auto i = std::size_t(block.thread()); i < reports.count; i += std::size_t(block.threads()))
      mine = AddReports{}(mine, block.read(reports, i));
    const ObjectiveReport all = block_reduce<0>(block, mine, AddReports{});
    if (block.thread() == 0) block.write(report, 0, all);
  }
};

}  // namespace visplay
