// Bodies of grpo.hpp.
#pragma once

#include <visplay/core/statistics.hpp>
#include <visplay/train/grpo.hpp>

#include <algorithm>
#include <cmath>

namespace visplay {
namespace detail {

// The samples of one backward pass and where they stand in the step.
struct MicroBatch {
  std::vector<SampleTokens> samples;
  std::vector<float> advantages;
  std::int64_t rows = 0;
};

VISPLAY_INLINE bool moves(std::span<const float> advantages) {
  return std::ranges::any_of(advantages, [](float a) { return a != 0; });
}

VISPLAY_INLINE std::vector<MicroBatch> micro_batches(std::span<const RolloutGroup> groups,
                                                     std::span<const EncodedPrompt> prompts,
                                                     std::span<const float> advantages, bool all,
                                                     std::int64_t rows_per_batch) {
  std::vector<MicroBatch> batches;
  std::size_t at = 0;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const auto& completions = groups[g].completions;
    const auto of_group = advantages.subspan(at, completions.size());
    at += completions.size();
    if (!all && !moves(of_group)) continue;
    if (batches.empty() || batches.back().rows >= rows_per_batch) batches.emplace_back();
    auto& batch = batches.back();
    batch.rows += std::int64_t(prompts[g].ids.size());
    for (std::size_t c = 0; c < completions.size(); ++c) {
      batch.samples.push_back({&prompts[g], completions[c].token_ids});
      batch.advantages.push_back(of_group[c]);
      batch.rows += std::int64_t(completions[c].token_ids.size());
    }
  }
  return batches;
}

// Forward, objective, backward; gradients add up in the weights.
VISPLAY_INLINE ObjectiveReport backward_pass(const QwenPolicy& policy, const QwenPolicy* reference,
                                             const MicroBatch& micro, const BatchTotals& totals,
                                             const GrpoSettings& settings, ThreadPool& pool) {
  const auto batch = policy.collate(micro.samples);
  const double temperature = settings.sampling.temperature;
  const auto tokens = policy.log_probs(batch, temperature);
  const auto log_probs = to_vector<float>(tokens.log_probs);
  const auto entropy = to_vector<float>(tokens.entropy);
  std::vector<float> ref_log_probs;
  if (reference) {
    const at::NoGradGuard no_gradients;
    ref_log_probs = to_vector<float>(reference->log_probs(batch, temperature).log_probs);
  }
  std::vector<float> gradient(log_probs.size());
  // One update per rollout: the policy that sampled is the policy in training, the ratio is 1.
  const auto report = evaluate(settings.objective,
                               {.offsets = batch.completion_offsets,
                                .advantages = micro.advantages,
                                .log_probs = log_probs,
                                .old_log_probs = log_probs,
                                .ref_log_probs = ref_log_probs,
                                .entropy = entropy},
                               totals, {.log_probs = gradient}, pool);
  tokens.log_probs.backward(to_tensor(gradient));
  return report;
}

VISPLAY_INLINE UpdateReport update_policy(const QwenPolicy& policy, const QwenPolicy* reference,
                                          AdamW& optimizer, std::span<const RolloutGroup> groups,
                                          std::span<const float> advantages,
                                          const GrpoSettings& settings, double learning_rate) {
  std::vector<EncodedPrompt> prompts;
  BatchTotals totals;
  for (const auto& group : groups) {
    prompts.push_back(policy.encode(group.prompt));
    totals.completions += std::int64_t(group.completions.size());
    for (const auto& c : group.completions) totals.tokens += std::int64_t(c.token_ids.size());
  }
  UpdateReport report;
  ThreadPool pool(1);  // a step has a few thousand tokens: less than waking a thread costs
  optimizer.zero_grad();
  const auto batches =
      micro_batches(groups, prompts, advantages, reference != nullptr, settings.micro_batch_tokens);
  for (const auto& micro : batches)
    report.objective += backward_pass(policy, reference, micro, totals, settings, pool);
  if (batches.empty()) return report;  // no group says anything: the weights stay
  report.grad_norm = optimizer.step(learning_rate);
  report.skipped = !std::isfinite(report.grad_norm);
  return report;
}

VISPLAY_INLINE void add_reward_metrics(Metrics& to, const RewardTable& rewards,
                                       GroupedSpan groups) {
  double spread = 0, flat = 0;
  for (std::size_t g = 0; g < groups.groups(); ++g) {
    spread += sample_std(groups[g]);
    flat += std::ranges::adjacent_find(groups[g], std::not_equal_to<>{}) == groups[g].end();
  }
  const auto count = double(std::max<std::size_t>(1, groups.groups()));
  to.push_back({std::string(metric::reward), mean(rewards.total)});
  to.push_back({std::string(metric::reward_std), spread / count});
  to.push_back({std::string(metric::frac_reward_zero_std), flat / count});
  for (const auto& term : rewards.terms)
    to.push_back({reward_mean_name(term.name), mean(term.scores)});
}

VISPLAY_INLINE void add_length_metrics(Metrics& to, std::span<const RolloutGroup> groups) {
  double total = 0, count = 0, cut = 0, longest = 0;
  for (const auto& group : groups)
    for (const auto& completion : group.completions) {
      const auto length = double(completion.token_ids.size());
      total += length, ++count;
      longest = std::max(longest, length);
      cut += completion.finish_reason == FinishReason::length;
    }
  to.push_back({std::string(metric::mean_length), count ? total / count : 0});
  to.push_back({std::string(metric::max_length), longest});
  to.push_back({std::string(metric::clipped_ratio), count ? cut / count : 0});
}

}  // namespace detail
}  // namespace visplay
