// Metrics: named numbers that a step reports. Every name that the project writes stands here, once.
//
// Where TRL's GRPO trainer has a name for the quantity, it is TRL's, so that dashboards carry over;
// ours are grouped under questioner/, label/, reasoner/, eval/ and time/. Components return
// metrics; only the loop writes them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace visplay {

struct Metric {
  std::string name{};
  double value = 0;  ///< NaN: not measured in this step; written as null

  friend bool operator==(const Metric&, const Metric&) = default;
};

using Metrics = std::vector<Metric>;

/// The value of a metric, or null if it is not there.
[[nodiscard]] inline const double* find_metric(const Metrics& metrics, std::string_view name) {
  for (const Metric& metric : metrics)
    if (metric.name == name) return &metric.value;
  return nullptr;
}

/// True for names that measure time: all that may differ between two runs of one seed.
[[nodiscard]] constexpr bool is_timing(std::string_view name) {
  return name.starts_with("time/") || name.ends_with("_per_second");
}

/// "rewards/difficulty/mean": a term of the reward over the batch, as TRL names it.
[[nodiscard]] inline std::string reward_mean_name(std::string_view term) {
  return "rewards/" + std::string(term) + "/mean";
}
[[nodiscard]] inline std::string reward_std_name(std::string_view term) {
  return "rewards/" + std::string(term) + "/std";
}

/// "eval/family/color": greedy accuracy on one family of questions.
[[nodiscard]] inline std::string eval_family_name(std::string_view family) {
  return "eval/family/" + std::string(family);
}

/// Shares lie in [0, 1], lengths are tokens, times are seconds, entropy and KL are nats per token.
namespace metric {

using Name = std::string_view;

// One step of either role; names of TRL.
inline constexpr Name loss = "loss";
inline constexpr Name reward = "reward";          // mean total over the batch
inline constexpr Name reward_std = "reward_std";  // mean over groups of the std inside a group
inline constexpr Name frac_reward_zero_std = "frac_reward_zero_std";  // groups without a signal
inline constexpr Name kl = "kl";                                      // to the reference
inline constexpr Name entropy = "entropy";
inline constexpr Name clip_low = "clip_ratio/low_mean";
inline constexpr Name clip_high = "clip_ratio/high_mean";
inline constexpr Name clip_region = "clip_ratio/region_mean";  // tokens on the clipped branch
inline constexpr Name grad_norm = "grad_norm";                 // before clipping
inline constexpr Name learning_rate = "learning_rate";
inline constexpr Name num_tokens = "num_tokens";  // of the run so far, prompts and completions
inline constexpr Name mean_length = "completions/mean_length";
inline constexpr Name min_length = "completions/min_length";
inline constexpr Name max_length = "completions/max_length";
inline constexpr Name clipped_ratio = "completions/clipped_ratio";  // ended by the length limit
inline constexpr Name skipped_updates = "skipped_updates";  // a gradient that was not finite

// A Questioner step.
inline constexpr Name questioner_valid = "questioner/valid";            // well-formed questions
inline constexpr Name questioner_confidence = "questioner/confidence";  // mean c of the votes
inline constexpr Name questioner_difficulty = "questioner/difficulty";  // mean over valid questions
inline constexpr Name questioner_cluster_share = "questioner/cluster_share";
inline constexpr Name questioner_distinct = "questioner/distinct";  // different texts / questions
inline constexpr Name questioner_unparsed = "questioner/unparsed";  // votes without an answer
inline constexpr Name questioner_truncated = "questioner/truncated";

// Labelling, once per iteration.
inline constexpr Name label_questions = "label/questions";  // asked
inline constexpr Name label_valid = "label/valid";
inline constexpr Name label_kept = "label/kept";  // count, after every filter
inline constexpr Name label_kept_share = "label/kept_share";
inline constexpr Name label_confidence = "label/confidence";  // mean c of the valid questions
inline constexpr Name label_margin = "label/margin";
inline constexpr Name label_unparsed = "label/unparsed";
inline constexpr Name label_too_easy = "label/too_easy";  // shares of the asked, by verdict
inline constexpr Name label_too_hard = "label/too_hard";
inline constexpr Name label_small_margin = "label/small_margin";
inline constexpr Name label_balanced_away = "label/balanced_away";
inline constexpr Name label_commonest_answer = "label/commonest_answer";  // share of the kept

// A Reasoner step.
inline constexpr Name reasoner_agreement = "reasoner/agreement";  // answers equal to the label
inline constexpr Name reasoner_unparsed = "reasoner/unparsed";
inline constexpr Name reasoner_careful = "reasoner/careful";  // non-empty reasoning

// Evaluation against the hidden truth; nothing that trains reads these.
inline constexpr Name eval_greedy = "eval/greedy_accuracy";
inline constexpr Name eval_sampled = "eval/sampled_accuracy";
inline constexpr Name eval_careful = "eval/careful_share";
inline constexpr Name eval_careful_accuracy = "eval/careful_accuracy";  // of those; NaN: none
inline constexpr Name eval_hallucination = "eval/hallucination_accuracy";
inline constexpr Name eval_false_premise = "eval/false_premise_accuracy";
inline constexpr Name eval_compositional = "eval/compositional_accuracy";
inline constexpr Name eval_label_accuracy = "eval/label_accuracy";            // of the kept labels
inline constexpr Name eval_false_premise_share = "eval/false_premise_share";  // of the questions
inline constexpr Name eval_ungrammatical_share = "eval/ungrammatical_share";
inline constexpr Name eval_difficulty_trained = "eval/difficulty_trained";  // by the Questioner ...
inline constexpr Name eval_difficulty_untrained = "eval/difficulty_untrained";  // before its phase
inline constexpr Name eval_question_variety = "eval/question_variety";

// Time.
inline constexpr Name time_step = "time/step";
inline constexpr Name time_rollout = "time/rollout";
inline constexpr Name time_votes = "time/votes";
inline constexpr Name time_reward = "time/reward";
inline constexpr Name time_update = "time/update";
inline constexpr Name time_eval = "time/eval";
inline constexpr Name tokens_per_second = "tokens_per_second";  // sampled and trained in a step

}  // namespace metric

}  // namespace visplay
