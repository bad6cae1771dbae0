// Grpo: one step of group-relative policy optimisation (DeepSeekMath, 2402.03300), the same for both
// roles. What differs between them is the judge, which turns completions into rewards.
//
//   Grpo grpo{policy, reference, optimizer, judge, settings};
//   const StepReport report = grpo.step(prompts, step, rng.fork("questioner", step));
#pragma once

#include <visplay/advantage/group_relative.hpp>
#include <visplay/core/metrics.hpp>
#include <visplay/data/offsets.hpp>
#include <visplay/data/reward_table.hpp>
#include <visplay/generate/engine.hpp>
#include <visplay/kernels/objective.hpp>
#include <visplay/loss/objective.hpp>
#include <visplay/train/optimizer.hpp>
#include <visplay/train/schedule.hpp>

#include <concepts>
#include <span>
#include <vector>

namespace visplay {

struct GrpoSettings {
  SamplingParams sampling{};  ///< n is the group size G, at least 2
  Objective<> objective{};    ///< KL to the reference unless its coefficient is 0
  GroupRelative advantage{};
  LinearSchedule learning_rate{};
  std::int64_t micro_batch_tokens = 16384;  ///< rows of one backward pass, about
};

/// What a judge says about a step's completions, in order.
struct Judgement {
  RewardTable rewards;
  Metrics metrics;  ///< of the role
};

template <class J>
concept Judge = requires(J& judge, std::span<const RolloutGroup> groups, Rng rng) {
  { judge(groups, rng) } -> std::same_as<Judgement>;
};

struct StepReport {
  Metrics metrics;
  std::int64_t tokens = 0;  ///< prompt and completion tokens that were sampled and trained
};

namespace detail {

struct UpdateReport {
  ObjectiveReport objective;
  double grad_norm = 0;
  bool skipped = false;  ///< the gradient was not finite: nothing changed
};

/// One optimizer step on the completions of the groups. Groups that neither the advantage nor the
/// KL moves are left out of the passes, but count in every mean.
[[nodiscard]] UpdateReport update_policy(const QwenPolicy& policy, const QwenPolicy* reference,
                                         AdamW& optimizer, std::span<const RolloutGroup> groups,
                                         std::span<const float> advantages,
                                         const GrpoSettings& settings, double learning_rate);

void add_reward_metrics(Metrics& to, const RewardTable& rewards, GroupedSpan groups);
void add_length_metrics(Metrics& to, std::span<const RolloutGroup> groups);

}  // namespace detail

template <Judge J>
struct Grpo {
  QwenPolicy& policy;
  const QwenPolicy* reference;  ///< of the KL term; null: there is none
  AdamW& optimizer;
  J& judge;
  GrpoSettings settings;

  /// @param index  of the step in its phase, from 0
  StepReport step(std::span<const Prompt> prompts, int index, Rng rng) {
    // 1. Sample G completions for every prompt from the current policy.
    const auto groups =
        LocalEngine(policy).generate(prompts, settings.sampling, rng.fork("rollout"));
    const auto offsets = offsets_of(groups);
    // 2. Score each completion.
    Judgement judged = judge(groups, rng.fork("judge"));
    // 3. Compare it with its own group.
    const GroupedSpan rewards{judged.rewards.total, offsets};
    std::vector<float> advantages(rewards.values.size());
    settings.advantage(rewards, advantages);
    // 4. One clipped policy-gradient step against the policy that sampled, held by the reference.
    const double learning_rate = settings.learning_rate(index);
    const auto update = detail::update_policy(policy, reference, optimizer, groups, advantages,
                                              settings, learning_rate);

    StepReport report;
    detail::add_reward_metrics(report.metrics, judged.rewards, rewards);
    const auto add = [&](metric::Name name, double value) {
      report.metrics.push_back({std::string(name), value});
    };
    add(metric::loss, update.objective.value);
    add(metric::kl, update.objective.mean_kl());
    add(metric::entropy, update.objective.mean_entropy());
    add(metric::clip_region, update.objective.clip_fraction());
    add(metric::grad_norm, update.grad_norm);
    add(metric::learning_rate, learning_rate);
    add(metric::skipped_updates, double(update.skipped));
    detail::add_length_metrics(report.metrics, groups);
    report.metrics.insert(report.metrics.end(), judged.metrics.begin(), judged.metrics.end());
    for (const auto& group : groups)
      for (const auto& completion : group.completions)
        report.tokens += std::int64_t(completion.token_ids.size());
    return report;
  }
};
template <class J>
Grpo(QwenPolicy&, const QwenPolicy*, AdamW&, J&, GrpoSettings) -> Grpo<J>;

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/train/grpo.ipp>
#endif
