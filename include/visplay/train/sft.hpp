// Supervised fine-tuning: one optimizer step on prompts with given completions.
//
//   loss = weighted mean over all completion tokens of the batch of -log p(token)
#pragma once

#include <visplay/policy/policy.hpp>
#include <visplay/train/optimizer.hpp>

#include <functional>
#include <span>
#include <string>

namespace visplay {

/// A prompt and the completion it should get. The text is used as given; `end_of_turn` appends the
/// model's first end token.
struct SftExample {
  Prompt prompt;
  std::string completion;
};

struct SftReport {
  double loss = 0;  ///< nats per completion token
  double grad_norm = 0;
  std::int64_t tokens = 0;  ///< completion tokens
};

/// The tokens of a completion: control tokens recognised, the model's end token appended if asked.
[[nodiscard]] inline std::vector<std::int64_t> encode_completion(const ModelAssets& assets,
                                                                 std::string_view text,
                                                                 bool end_of_turn) {
  auto ids = assets.tokenizer.encode(text);
  if (end_of_turn) ids.push_back(assets.config.eos_ids.front());
  return ids;
}

/// Examples about one picture that stand next to each other share its encoding.
/// @param weights  weight of each completion token, [n], not all zero; none: all the same
/// @throws Error if there are no completion tokens
inline SftReport sft_step(QwenPolicy& policy, AdamW& optimizer,
                          std::span<const SftExample> examples, double learning_rate,
                          bool end_of_turn = true,
                          const std::function<at::Tensor(const ModelBatch&)>& weights = {}) {
  std::vector<EncodedPrompt> prompts;
  std::vector<std::vector<std::int64_t>> completions;
  for (const auto& example : examples) {
    prompts.push_back(policy.encode(example.prompt));
    completions.push_back(encode_completion(policy.assets(), example.completion, end_of_turn));
  }
  std::vector<SampleTokens> samples;
  for (std::size_t i = 0; i < prompts.size(); ++i) samples.push_back({&prompts[i], completions[i]});
  const auto batch = policy.collate(samples);
  check(batch.completion_tokens() > 0, "sft: the completions of this batch are all empty");
  optimizer.zero_grad();
  const auto log_probs = policy.log_probs(batch).log_probs;
  const auto weight = weights ? weights(batch) : at::ones_like(log_probs.detach());
  const auto loss = -(weight * log_probs).sum() / weight.sum();
  loss.backward();
  return {loss.item<double>(), optimizer.step(learning_rate), batch.completion_tokens()};
}

}  // namespace visplay
