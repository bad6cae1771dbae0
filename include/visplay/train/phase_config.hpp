// The settings of the phases of an iteration: Questioner, labels, Reasoner, and what they share.
//
// Members hold the defaults of paper mode; default_config(mode) in train/config.hpp changes what
// the other modes do otherwise.
#pragma once

#include <visplay/core/describe.hpp>
#include <visplay/curriculum/confidence_band.hpp>
#include <visplay/reward/questioner_reward.hpp>
#include <visplay/rollout/sampling_params.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace visplay {

struct SamplingConfig {
  double temperature = 1;
  double top_p = 1;
  std::optional<int> top_k{};
  int max_new_tokens = 2048;
};
void describe(auto& visit, OfType<SamplingConfig> auto& s) {
  visit("temperature", s.temperature, "of the softmax; 0 is greedy", between(0, 100));
  visit("top_p", s.top_p, "sample within this mass of the likeliest tokens", above_up_to(0, 1));
  visit("top_k", s.top_k, "sample among the k likeliest tokens", at_least(1));
  visit("max_new_tokens", s.max_new_tokens, "length limit of a completion, tokens", at_least(1));
}

/// What a rollout engine is asked for: n completions of a prompt, some ids never drawn.
[[nodiscard]] inline SamplingParams sampling_params(const SamplingConfig& config, int n,
                                                    std::vector<std::int64_t> banned_ids = {}) {
  return {.temperature = config.temperature,
          .top_p = config.top_p,
          .top_k = config.top_k.value_or(0),
          .max_new_tokens = config.max_new_tokens,
          .n = n,
          .banned_ids = std::move(banned_ids)};
}

struct OptimizerConfig {  // AdamW
  double learning_rate = 1e-6;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double weight_decay = 0.01;
  double max_grad_norm = 1;
  int warmup_steps = 0;
  double final_fraction = 1;
};
void describe(auto& visit, OfType<OptimizerConfig> auto& s) {
  visit("learning_rate", s.learning_rate, "highest of the phase", between(0, 1));
  visit("beta1", s.beta1, "decay of the mean of gradients", between(0, 0.999999));
  visit("beta2", s.beta2, "decay of the mean of squared gradients", between(0, 0.999999));
  visit("weight_decay", s.weight_decay, "decoupled, times the learning rate", between(0, 1));
  visit("max_grad_norm", s.max_grad_norm, "longer gradients are scaled to this norm; 0: none is",
        at_least(0));
  visit("warmup_steps", s.warmup_steps, "linear rise at the start of a phase", at_least(0));
  visit("final_fraction", s.final_fraction, "linear decay to this share of the learning rate",
        between(0, 1));
}

/// Adapters instead of full fine-tuning; `rank` 0: none.
struct AdapterConfig {
  int rank = 0;
  double alpha = 16;
  bool rslora = false;
  std::vector<std::string> targets{"all-linear"};
};
void describe(auto& visit, OfType<AdapterConfig> auto& s) {
  visit("rank", s.rank, "train LoRA adapters of this rank over one frozen base; 0: every weight",
        between(0, 65536));
  visit("alpha", s.alpha, "adapters count alpha / rank", above(0));
  visit("rslora", s.rslora, "adapters count alpha / sqrt(rank)");
  visit("targets", s.targets,
        "linear layers that get one: all-linear (of the language model), names such as q_proj, or "
        "paths with *; visual.* means those of the vision tower");
}

struct QuestionerConfig {
  int steps = 20;
  int images_per_step = 64;
  int group_size = 8;
  int votes = 10;
  double diversity_weight = 1;
  double archive_weight = 0;
  double blind_weight = 0;
  OptimizerConfig optimizer{};
  SamplingConfig sampling{};
  std::string system{};
  std::string prompt{
      "Look closely at the image and ask one question that can only be answered by looking at it, "
      "that has a single short answer, and that takes some thought. Write the kind of question "
      "(such as count, color, position, reading, comparison) as <type>...</type> and then the "
      "question itself as <question>...</question>."};
};
void describe(auto& visit, OfType<QuestionerConfig> auto& s) {
  visit("steps", s.steps, "Questioner steps per iteration", at_least(0));
  visit("images_per_step", s.images_per_step, "images of a step", at_least(1));
  visit("group_size", s.group_size, "questions per image (G)", at_least(2));
  visit("votes", s.votes, "answers of the frozen Reasoner per question (m)", at_least(1));
  describe_weights(visit, s);
  visit("optimizer", s.optimizer);
  visit("sampling", s.sampling);
  visit("system", s.system, "system turn; empty: the chat template's own");
  visit("prompt", s.prompt, "what the Questioner is asked about an image");
}

struct LabelConfig {
  int images = 1000;
  int questions_per_image = 1;
  int votes = 10;
  ConfidenceBand band{};  ///< its keys are label.low, ...
  bool balance = false;
};
void describe(auto& visit, OfType<LabelConfig> auto& s) {
  visit("images", s.images, "images asked about in an iteration", at_least(1));
  visit("questions_per_image", s.questions_per_image, "questions per image", at_least(1));
  visit("votes", s.votes, "answers per question, whose majority is the label (m)", at_least(1));
  describe(visit, s.band);
  visit("balance", s.balance,
        "in each type of question, the most frequent label no more often than the second");
}

struct ReasonerConfig {
  int steps = 20;
  int questions_per_step = 64;
  int group_size = 8;
  double iteration_decay = 1;
  OptimizerConfig optimizer{};
  SamplingConfig sampling{};
  std::string system{};
  std::string prompt{
      "{question}\nThink first, inside <think>...</think>, then give only the final answer inside "
      "\\boxed{}."};
};
void describe(auto& visit, OfType<ReasonerConfig> auto& s) {
  visit("steps", s.steps, "Reasoner steps per iteration", at_least(0));
  visit("questions_per_step", s.questions_per_step, "labelled questions of a step", at_least(1));
  visit("group_size", s.group_size, "answers per question (G)", at_least(2));
  visit("iteration_decay", s.iteration_decay,
        "an iteration's learning rate, as a share of that of the iteration before",
        above_up_to(0, 1));
  visit("optimizer", s.optimizer);
  visit("sampling", s.sampling);
  visit("system", s.system, "system turn; empty: the chat template's own");
  visit("prompt", s.prompt, "{question} in it is replaced by the question");
}

struct VotesConfig {
  SamplingConfig sampling{};
};
void describe(auto& visit, OfType<VotesConfig> auto& s) { visit("sampling", s.sampling); }

}  // namespace visplay
