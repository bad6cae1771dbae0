// visplay_sft: supervised fine-tuning on prompts with completions.
#include <common/model_options.hpp>
#include <common/program.hpp>
#include <visplay/io/durable_file.hpp>
#include <visplay/io/prompt_lines.hpp>
#include <visplay/model/qwen2_5_vl/initial_weights.hpp>
#include <visplay/train/schedule.hpp>
#include <visplay/train/sft.hpp>

#include <fmt/format.h>

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
  std::uint64_t max_shard_bytes = SaveOptions{}.max_shard_bytes;
  RuntimeOptions runtime{};
};
void describe(auto& visit, OfType<SftOptions> auto& s) {
  visit("model", s.model, "model folder to start from");
  visit("new", s.new_model, "config.json of a new model, which starts from random weights");
  visit("tokenizer", s.tokenizer,
        "with --new: folder whose tokenizer, chat template and processor files the model gets");
  visit("data", s.data, "JSONL with prompt, completion and optionally image or images, system");
  visit("out", s.out, "folder for the trained model; must not hold a model yet");
  visit("steps", s.steps,
        "optimizer steps; 0: a new model is only made, another one only written again",
        at_least(0));
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
  visit("max_shard_bytes", s.max_shard_bytes, "larger models are saved in several files");
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
  if (text.ends_with(end)) text.erase(text.size() - end.size());
  return text;
}

void check_options(const SftOptions& options) {
  if (options.model.empty() == options.new_model.empty())
    throw UsageError("expected --model DIR, or --new CONFIG with --tokenizer DIR");
  if (!options.new_model.empty() && options.steps > 0)
    require_flag(options.tokenizer, "tokenizer", "a folder with tokenizer.json");
  if (options.steps > 0) require_flag(options.data, "data", "a JSONL file");
  require_flag(options.out, "out", "a folder");
  for (const char* name :
       {"model.safetensors", "model.safetensors.index.json", "adapter_model.safetensors"})
    check(!fs::exists(fs::path(options.out) / name),
          "{}: holds a model already, which would be lost", options.out);
  if (options.lora.rank > 0 && !options.adapter.empty())
    throw UsageError("lora.rank: makes new adapters, --adapter trains those that are there");
}

SaveOptions save_options(const SftOptions& options) {
  return {.max_shard_bytes = options.max_shard_bytes};
}

/// A model of random weights in `out`, with the tokenizer's files if there are some.
void make_new_model(const SftOptions& options) {
  const fs::path out = options.out;
  const bool half = options.runtime.dtype == DataType::bfloat16;
  const DType dtype = half ? DType::bf16 : DType::f32;
  if (!options.tokenizer.empty()) {
    check(fs::is_directory(options.tokenizer), "{}: there is no such folder", options.tokenizer);
    copy_model_assets(options.tokenizer, out);
  }
  const auto config = parse_model_config(read_file(options.new_model, 1 << 20), options.new_model);
  replace_file(out / "config.json", config_json_beside_weights(config.source, dtype, false));
  const int threads = options.runtime.threads > 0 ? options.runtime.threads : at::get_num_threads();
  write_new_weights(
      out, config, Rng(options.seed).fork("weights"),
      {.dtype = dtype, .max_shard_bytes = options.max_shard_bytes, .threads = threads});
}

/// Without a step: a new model, or the given one in our names and in the type asked for.
void only_write(const SftOptions& options) {
  if (!options.new_model.empty()) return make_new_model(options);
  const auto dtype = options.runtime.dtype == DataType::bfloat16 ? at::kBFloat16 : at::kFloat;
  std::vector<std::string> warnings;
  const auto weights =
      load_weights(options.model, load_model_config(options.model), dtype, &warnings);
  for (const auto& warning : warnings) fmt::print(stderr, "visplay_sft: {}\n", warning);
  save_model(options.out, weights, options.model, save_options(options));
}

/// The policy to train, with new adapters if they are asked for; `out` exists.
QwenPolicy start(const SftOptions& options) {
  if (options.model.empty()) make_new_model(options);
  auto policy = load_policy_with(options.model.empty() ? options.out : options.model,
                                 options.adapter, options.runtime.dtype);
  if (const auto& c = options.lora; c.rank > 0)
    policy =
        policy.with_adapter(Lora(policy.assets().config, {c.rank, c.alpha, c.rslora, c.targets},
                                 Rng(options.seed).fork("lora")));
  return policy.with_options(
      {.gradient_checkpointing = options.gradient_checkpointing,
       .freeze_vision = options.freeze_vision,
       .feature_cache_bytes = std::int64_t(options.feature_cache_mib) << 20});
}

int train(const SftOptions& options) {
  check_options(options);
  std::error_code failure;
  fs::create_directories(options.out, failure);
  check(!failure, "{}: cannot be made: {}", options.out, failure.message());
  if (options.steps == 0) {
    only_write(options);
    return 0;
  }
  apply_runtime(options.runtime);
  const auto lines = read_prompt_lines(options.data);
  check(!lines.empty(), "{}: has no lines", options.data);
  auto policy = start(options);
  AdamW optimizer(policy.trainable(), adamw_settings(options.optimizer),
                  [&](std::string_view name) { return policy.trains(name); });
  const LinearSchedule rate{options.optimizer.learning_rate, options.steps,
                            options.optimizer.warmup_steps, options.optimizer.final_fraction};
  LineOrder order(lines, Rng(options.seed).fork("lines"));
  PromptLoader load;
  const auto save = [&] { save_policy(policy, options.out, save_options(options)); };
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
          "  visplay_sft --new config.json --tokenizer DIR --data lines.jsonl --out fresh\n"
          "  visplay_sft --new config.json --dtype bfloat16 --steps 0 --out random\n"
          "  visplay_sft --model DIR --dtype bfloat16 --steps 0 --out smaller\n\n"
          "The embedded base model of visplay_selfplay is made by visplay_make_model from the "
          "same\n"
          "step; examples/visplay_selfplay/README.md says how to make it again."};
  return run_program(argc, argv, info, SftOptions{},
                     [](const auto& resolved) { return train(resolved.config); });
}
