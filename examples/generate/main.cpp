// visplay_generate: completions of one prompt by a model folder.
#include <common/model_options.hpp>
#include <common/program.hpp>
#include <visplay/generate/engine.hpp>
#include <visplay/io/image_codec.hpp>
#include <visplay/io/json.hpp>
#include <visplay/io/safetensors.hpp>
#include <visplay/io/safetensors_writer.hpp>

#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>

namespace visplay {

struct GenerateOptions {
  std::string model{};
  std::string adapter{};
  std::vector<std::string> image{};
  std::string prompt{};
  std::optional<std::string> system{};
  int n = 1;
  double temperature = 1;
  double top_p = 1;
  std::optional<int> top_k{};
  int max_new_tokens = 256;
  std::vector<std::int64_t> banned_ids{};
  std::uint64_t seed = 1;
  bool greedy = false;
  bool json = false;
  bool timings = false;
  std::string dump{};
  RuntimeOptions runtime{};
};
void describe(auto& visit, OfType<GenerateOptions> auto& s) {
  visit("model", s.model, "model folder of Hugging Face form, or PEFT folder that names its base");
  visit("adapter", s.adapter, "PEFT folder (LoRA) to put on the model");
  visit("image", s.image, "pictures (PNG, JPEG, WebP) in the order in which the model sees them");
  visit("prompt", s.prompt, "user text after the pictures; never read as control tokens");
  visit("system", s.system, "system turn; off: the chat template's own");
  visit("n", s.n, "completions", at_least(1));
  visit("temperature", s.temperature, "of the softmax; 0 is greedy", between(0, 100));
  visit("top_p", s.top_p, "sample within this mass of the likeliest tokens", above_up_to(0, 1));
  visit("top_k", s.top_k, "sample among the k likeliest tokens", at_least(1));
  visit("max_new_tokens", s.max_new_tokens, "length limit, end token included", at_least(1));
  visit("banned_ids", s.banned_ids, "token ids never sampled", at_least(0));
  visit("seed", s.seed, "of the sampling");
  visit("greedy", s.greedy, "always the likeliest token; the same as --temperature 0");
  visit("json", s.json, "a JSON line per completion: text, token_ids, log_probs, finish_reason");
  visit("timings", s.timings,
        "print to stderr how long loading, the prompt and the completions took, and the peak of "
        "resident memory");
  visit("dump", s.dump,
        "safetensors file for the prompt's ids, positions, pixels, features, "
        "hidden states and logits");
  describe_runtime(visit, s.runtime);
}

namespace {

Prompt read_prompt(const GenerateOptions& options) {
  Prompt prompt{.system = options.system, .text = options.prompt};
  for (const auto& file : options.image)
    prompt.images.push_back(std::make_shared<const Image>(read_image(file)));
  return prompt;
}

// What the model made of the prompt, for comparison with other implementations.
void dump_prompt(const QwenPolicy& policy, const Prompt& prompt,
                 const std::filesystem::path& file) {
  const at::NoGradGuard no_gradients;
  const auto encoded = policy.encode(prompt);
  const SampleTokens sample{&encoded};
  const auto batch = policy.collate({&sample, 1});
  std::vector<NamedTensor> tensors{{"input_ids", batch.input_ids},
                                   {"position_ids", batch.position_ids}};
  if (batch.pixel_values.defined()) {
    const auto count = std::int64_t(batch.grids.size());
    tensors.push_back({"pixel_values", batch.pixel_values});
    tensors.push_back(
        {"image_grid_thw", to_tensor(std::span(&batch.grids[0].t, 3 * count), {count, 3})});
    tensors.push_back({"image_features", policy.model().image_features(batch)});
  }
  tensors.push_back({"hidden", policy.model().hidden(batch)});
  tensors.push_back({"logits", at::linear(tensors.back().tensor, policy.model().head())});
  std::vector<TensorEntry> entries;
  for (auto& [name, tensor] : tensors) {
    if (tensor.is_floating_point()) tensor = tensor.to(at::kFloat);
    tensor = tensor.contiguous();
    entries.push_back({name,
                       tensor.scalar_type() == at::kLong ? DType::i64 : DType::f32,
                       tensor.sizes().vec(),
                       {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()}});
  }
  write_safetensors(file, entries);
}

void print_json(const Completion& completion) {
  fmt::print("{}\n", write_json(OrderedJson{{"text", completion.text},
                                            {"token_ids", completion.token_ids},
                                            {"log_probs", completion.log_probs},
                                            {"finish_reason", name_of(completion.finish_reason)}}));
}

void print_timings(double loading, const GenerateTimes& times) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto rate = [](std::int64_t tokens, double seconds) { return double(tokens) / seconds; };
  fmt::print(
      stderr,
      "loaded in {:.2f} s; prompt {} tokens in {:.2f} s ({:.1f} tokens/s); decoded {} tokens "
      "in {:.2f} s ({:.2f} tokens/s); peak {:.2f} GiB\n",
      loading, times.prompt_tokens, times.prefill_seconds,
      rate(times.prompt_tokens, times.prefill_seconds), times.decoded_tokens, times.decode_seconds,
      rate(times.decoded_tokens, times.decode_seconds), double(usage.ru_maxrss) / 1024 / 1024);
}

int generate(const GenerateOptions& options) {
  require_flag(options.model, "model", "a model folder");
  apply_runtime(options.runtime);
  const auto start = std::chrono::steady_clock::now();
  const auto policy = load_policy_with(options.model, options.adapter, options.runtime.dtype);
  const std::chrono::duration<double> loading = std::chrono::steady_clock::now() - start;
  const auto prompt = read_prompt(options);
  if (!options.dump.empty()) dump_prompt(policy, prompt, options.dump);
  const SamplingParams params{.temperature = options.greedy ? 0 : options.temperature,
                              .top_p = options.top_p,
                              .top_k = options.top_k.value_or(0),
                              .max_new_tokens = options.max_new_tokens,
                              .n = options.n,
                              .banned_ids = options.banned_ids};
  GenerateTimes times;
  const auto groups =
      LocalEngine(policy).generate(std::span(&prompt, 1), params, Rng(options.seed), &times);
  const auto& completions = groups[0].completions;
  for (std::size_t i = 0; i < completions.size(); ++i)
    if (options.json)
      print_json(completions[i]);
    else
      fmt::print("{}{}\n", i ? "\n" : "", completions[i].text);
  if (options.timings) print_timings(loading.count(), times);
  return 0;
}

// `--image a --image b` means `--image a b`.
std::vector<char*> join_images(int argc, char** argv) {
  std::vector<char*> others, images;
  for (int i = 0; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word.starts_with("--image="))
      images.push_back(argv[i] + std::string_view("--image=").size());
    else if (word == "--image" && i + 1 < argc && !std::string_view(argv[i + 1]).starts_with("--"))
      while (i + 1 < argc && !std::string_view(argv[i + 1]).starts_with("--"))
        images.push_back(argv[++i]);
    else
      others.push_back(argv[i]);
  }
  static char flag[] = "--image";
  if (!images.empty()) others.push_back(flag);
  others.insert(others.end(), images.begin(), images.end());
  return others;
}

}  // namespace
}  // namespace visplay

int main(int argc, char** argv) {
  using namespace visplay;
  const ProgramInfo info{
      .name = "visplay_generate",
      .summary = "Completions of one prompt by a Qwen2.5-VL style model folder.",
      .examples =
          "  visplay_generate --model DIR --image cat.png --prompt \"What is this?\" --greedy\n"
          "  visplay_generate --model DIR --prompt Hello --n 8 --temperature 0.7 --json"};
  auto words = join_images(argc, argv);
  return run_program(int(words.size()), words.data(), info, GenerateOptions{},
                     [](const auto& resolved) { return generate(resolved.config); });
}
