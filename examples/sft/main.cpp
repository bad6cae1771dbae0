// visplay_sft: supervised fine-tuning on prompts with completions.
#include <common/model_options.hpp>
#include <common/program.hpp>
#include <visplay/io/prompt_lines.hpp>
#include <visplay/train/schedule.hpp>
#include <visplay/train/sft.hpp>

#include <chrono>

namespace visplay {

struct SftOptions {
  std::string model{};
  std::string new_model{};
  std::string tokenizer{};
  std::string data{};
  std::string out{};
  int steps = 1000;
  int batch = 32;
  bool end_of_turn = true;
  bool freeze_vision = false;
  bool gradient_checkpointing = false;
  int feature_cache_mib = 512;
  std::string adapter{};
  AdapterConfig lora{};
  OptimizerConfig optimizer{.learning_rate = 1e-4, .warmup_steps = 20, .final_fraction = 0.1};
  std::uint64_t seed = 1;
  std::optional<int> save{};
  int print_every = 10;
  RuntimeOptions runtime{};
};
void describe(auto& visit, OfType<SftOptions> auto& s) {
  visit("model", s.model, "model folder to start from");
  visit("new", s.new_model, "config.json of a new model, which starts from random weights");
  visit("tokenizer", s.tokenizer,
        "with --new: folder whose tokenizer, chat template and processor files the model gets");
  visit("data", s.data, "JSONL with prompt, completion and optionally image or images, system");
  visit("out", s.out, "folder for the trained model; must not hold a model yet");
  visit("steps", s.steps, "optimizer steps", at_least(1));
  visit("batch", s.batch, "lines of a step", at_least(1));
  visit("end_of_turn", s.end_of_turn, "end completions with the model's end token");
  visit("freeze_vision", s.freeze_vision,
        "leave the vision tower as it is; so it is too with adapters that leave it alone");
  visit("gradient_checkpointing", s.gradient_checkpointing,
        "compute layers again in the backward pass instead of keeping what they made");
  visit("feature_cache_mib", s.feature_cache_mib,
        "features of pictures kept while the tower is frozen, MiB; 0: none", between(0, 1 << 20));
  visit("adapter", s.adapter, "PEFT folder (LoRA) to put on the model and train on");
  visit("lora", s.lora);
  describe(visit, s.optimizer);
  visit("seed", s.seed, "of new weights and of the order of the lines");
  visit("save", s.save, "also save after every so many steps", at_least(1));
  visit("print_every", s.print_every, "steps between printed lines", at_least(1));
  describe_runtime(visit, s.runtime);
}

namespace {

namespace fs = std::filesystem;

/// Lines in random order, epoch after epoch; lines about the same pictures that stand next to each
/// other stay together, so that a step encodes the pictures once.
class LineOrder {
 public:
  LineOrder(const std::vector<PromptLine>& lines, Rng rng) : rng_(rng) {
    for (std::size_t i = 0; i < lines.size(); ++i)
      if (i && !lines[i].images.empty() && lines[i].images == lines[i - 1].images)
        runs_.back().push_back(i);
      else
        runs_.push_back({i});
  }

  std::size_t next() {
    if (at_ == epoch_.size()) {
      epoch_.clear();
      at_ = 0;
      auto runs = runs_;
      Rng order = rng_.fork("epoch", epochs_++);
      order.shuffle(runs);
      for (auto& run : runs) {
        order.shuffle(run);
        epoch_.insert(epoch_.end(), run.begin(), run.end());
      }
    }
    return epoch_[at_++];
  }

 private:
  Rng rng_;
  std::vector<std::vector<std::size_t>> runs_;
  std::vector<std::size_t> epoch_;
  std::size_t at_ = 0;
  std::uint64_t epochs_ = 0;
};

/// A completion that spells the end token already gets no second one.
std::string without_end_token(const ModelAssets& assets, std::string text) {
  const auto end = assets.tokenizer.bytes_of(assets.config.eos_ids.front());
  if (!end.empty() && text.ends_with(end)) text.resize(text.size() - end.size());
  return text;
}

void check_options(const SftOptions& options) {
  if (options.model.empty() == options.new_model.empty())
    throw UsageError("expected --model DIR, or --new CONFIG with --tokenizer DIR");
  if (!options.new_model.empty())
    require_flag(options.tokenizer, "tokenizer", "a folder with tokenizer.json");
  require_flag(options.data, "data", "a JSONL file");
  require_flag(options.out, "out", "a folder");
  for (const char* name : {"model.safetensors", "adapter_model.safetensors"})
    check(!fs::exists(fs::path(options.out) / name),
          "{}: holds a model already, which would be lost", options.out);
  if (options.lora.rank > 0 && !options.adapter.empty())
    throw UsageError("lora.rank: makes new adapters, --adapter trains those that are there");
}

/// A new model of random weights. Its files but the weights are in `out` afterwards.
QwenPolicy start_new(const SftOptions& options) {
  const fs::path out = options.out;
  check(fs::is_directory(options.tokenizer), "{}: there is no such folder", options.tokenizer);
  copy_model_assets(options.tokenizer, out);
  std::error_code failure;
  fs::copy_file(options.new_model, out / "config.json", fs::copy_options::overwrite_existing,
                failure);
  check(!failure, "{}: cannot be copied: {}", options.new_model, failure.message());
  auto assets = load_model_assets(out);
  auto weights = random_weights(assets->config, Rng(options.seed).fork("weights"));
  return {std::move(assets), std::move(weights)};
}

/// The policy to train, with new adapters if they are asked for.
QwenPolicy start(const SftOptions& options) {
  std::error_code failure;
  fs::create_directories(options.out, failure);
  check(!failure, "{}: cannot be made: {}", options.out, failure.message());
  auto policy = options.model.empty()
                    ? start_new(options)
                    : load_policy_with(options.model, options.adapter, options.runtime.dtype);
  if (const auto& c = options.lora; c.rank > 0)
    policy =
        policy.with_adapter(Lora(policy.assets().config, {c.rank, c.alpha, c.rslora, c.targets},
                                 Rng(options.seed).fork("lora")));
  if (!policy.adapter() && !options.model.empty()) copy_model_assets(options.model, options.out);
  return policy.with_options(
      {.gradient_checkpointing = options.gradient_checkpointing,
       .freeze_vision = options.freeze_vision,
       .feature_cache_bytes = std::int64_t(options.feature_cache_mib) << 20});
}

AdamWSettings adamw_of(const OptimizerConfig& o) {
  return {.learning_rate = o.learning_rate,
          .beta1 = o.beta1,
          .beta2 = o.beta2,
          .weight_decay = o.weight_decay,
          .max_grad_norm = o.max_grad_norm};
}

int train(const SftOptions& options) {
  check_options(options);
  apply_runtime(options.runtime);
  const auto lines = read_prompt_lines(options.data);
  check(!lines.empty(), "{}: has no lines", options.data);
  auto policy = start(options);
  AdamW optimizer(policy.trainable(), adamw_of(options.optimizer),
                  [&](std::string_view name) { return policy.trains(name); });
  const LinearSchedule rate{options.optimizer.learning_rate, options.steps,
                            options.optimizer.warmup_steps, options.optimizer.final_fraction};
  LineOrder order(lines, Rng(options.seed).fork("lines"));
  PromptLoader load;
  const auto save = [&] {
    if (policy.adapter())
      save_policy(policy, options.out);
    else
      save_weights(policy.weights(), fs::path(options.out) / "model.safetensors", true);
  };
  const auto begin = std::chrono::steady_clock::now();
  std::int64_t tokens = 0;
  for (int step = 0; step < options.steps; ++step) {
    std::vector<SftExample> examples;
    for (int i = 0; i < options.batch; ++i) {
      const auto& line = lines[order.next()];
      examples.push_back({load(line), options.end_of_turn
                                          ? without_end_token(policy.assets(), line.completion)
                                          : line.completion});
    }
    const auto report = sft_step(policy, optimizer, examples, rate(step), options.end_of_turn);
    tokens += report.tokens;
    const bool last = step + 1 == options.steps;
    if (last || (step + 1) % options.print_every == 0) {
      const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
      fmt::print(
          "step {}/{}  loss {:.4f}  grad_norm {:.3f}  learning_rate {:.3g}  {:.0f} tokens/s\n",
          step + 1, options.steps, report.loss, report.grad_norm, rate(step),
          double(tokens) / passed.count());
      std::fflush(stdout);
    }
    if (last || stop_requested() || (options.save && (step + 1) % *options.save == 0)) save();
    if (!last && stop_requested()) return stop_code();
  }
  return 0;
}

}  // namespace
}  // namespace visplay

int main(int argc, char** argv) {
  using namespace visplay;
  const ProgramInfo info{
      .name = "visplay_sft",
      .summary =
          "Supervised fine-tuning of every weight, or of adapters, on prompts with completions; "
          "the loss is\n"
          "the mean negative log-likelihood of the completion tokens of a step.",
      .examples =
          "  visplay_sft --model DIR --data lines.jsonl --out tuned --steps 500\n"
          "  visplay_sft --new config.json --tokenizer DIR --data lines.jsonl --out fresh\n\n"
          "The embedded base model of visplay_selfplay is made by visplay_make_model from the "
          "same\n"
          "step; examples/visplay_selfplay/README.md says how to make it again."};
  return run_program(argc, argv, info, SftOptions{},
                     [](const auto& resolved) { return train(resolved.config); });
}
