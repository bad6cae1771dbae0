// visplay_score: log-probs and entropies of given completions, and the gradient of their mean.
#include <common/model_options.hpp>
#include <common/program.hpp>
#include <visplay/io/prompt_lines.hpp>

#include <fmt/format.h>

namespace visplay {

struct ScoreOptions {
  std::string model{};
  std::string adapter{};
  std::string data{};
  double temperature = 1;
  std::string gradients{};
  RuntimeOptions runtime{};
};
void describe(auto& visit, OfType<ScoreOptions> auto& s) {
  visit("model", s.model, "model folder of Hugging Face form, or PEFT folder that names its base");
  visit("adapter", s.adapter, "PEFT folder (LoRA) to put on the model");
  visit("data", s.data, "JSONL with prompt, completion and optionally image or images, system");
  visit("temperature", s.temperature, "of the softmax", above(0));
  visit("gradients", s.gradients,
        "safetensors file for the gradient of the mean negative log-likelihood over all "
        "completion tokens of the file at temperature 1, for every parameter; with an adapter, for "
        "every one of the adapter");
  describe_runtime(visit, s.runtime);
}

namespace {

struct Score {
  std::vector<std::int64_t> token_ids;
  std::vector<float> log_probs, entropy;
};

/// Scores one line; with gradients, adds those of sum(-log p) / file_tokens to the weights'.
Score score_line(const QwenPolicy& policy, const Prompt& prompt,
                 std::vector<std::int64_t> completion, double temperature,
                 std::optional<std::int64_t> file_tokens) {
  Score score{.token_ids = std::move(completion), .log_probs = {}, .entropy = {}};
  if (score.token_ids.empty()) return score;
  const auto encoded = policy.encode(prompt);
  const SampleTokens sample{&encoded, score.token_ids};
  const auto batch = policy.collate({&sample, 1});
  auto tokens = policy.log_probs(batch, temperature);
  score.log_probs = to_vector<float>(tokens.log_probs);
  score.entropy = to_vector<float>(tokens.entropy);
  if (file_tokens) {
    if (temperature != 1) tokens = policy.log_probs(batch, 1);
    (tokens.log_probs.sum() / -double(*file_tokens)).backward();
  }
  return score;
}

void save_gradients(const Weights& weights, const std::filesystem::path& file) {
  std::vector<NamedTensor> gradients;
  for (const auto& [name, tensor] : weights.all())  // the vision tower has none without pictures
    gradients.push_back({name, tensor.grad().defined() ? tensor.grad() : at::zeros_like(tensor)});
  save_weights(Weights(std::move(gradients)), file);
}

int score(const ScoreOptions& options) {
  require_flag(options.model, "model", "a model folder");
  require_flag(options.data, "data", "a JSONL file");
  apply_runtime(options.runtime);
  const auto lines = read_prompt_lines(options.data);
  auto policy = load_policy_with(options.model, options.adapter, options.runtime.dtype);
  std::vector<std::vector<std::int64_t>> completions;
  std::int64_t file_tokens = 0;
  for (const auto& line : lines) {
    completions.push_back(policy.assets().tokenizer.encode(line.completion));
    file_tokens += std::int64_t(completions.back().size());
  }
  const bool with_gradients = !options.gradients.empty();
  check(!with_gradients || file_tokens > 0, "{}: there are no completion tokens to differentiate",
        options.data);
  policy.trainable().require_gradients(with_gradients);
  PromptLoader load;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (stop_requested()) return stop_code();
    const auto made = score_line(policy, load(lines[i]), completions[i], options.temperature,
                                 with_gradients ? std::optional(file_tokens) : std::nullopt);
    Json line = lines[i].source;
    line["token_ids"] = made.token_ids;
    line["log_probs"] = made.log_probs;
    line["entropy"] = made.entropy;
    fmt::print("{}\n", write_json(line));
  }
  if (with_gradients) save_gradients(policy.trainable(), options.gradients);
  return 0;
}

}  // namespace
}  // namespace visplay

int main(int argc, char** argv) {
  using namespace visplay;
  const ProgramInfo info{
      .name = "visplay_score",
      .summary =
          "Log-probs and entropies (nats, whole vocabulary) of the completions in a file.\n"
          "Completions are used as given: <|im_end|> is recognised, nothing is appended.\n"
          "Each line comes out in order with token_ids, log_probs and entropy added.",
      .examples = "  visplay_score --model DIR --data lines.jsonl --gradients g.safetensors"};
  return run_program(argc, argv, info, ScoreOptions{},
                     [](const auto& resolved) { return score(resolved.config); });
}
