// The model against transformers on two tiny checkpoints: Qwen-shaped with a tied head, MiMo-shaped
// with a head of its own. Goldens and tolerances: tests/golden/make/model_parity.py.
#include <visplay/generate/engine.hpp>
#include <visplay/policy/policy.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <map>

#include "support/temp_folder.hpp"
#include "support/tiny_checkpoint.hpp"
#include "support/tiny_policy.hpp"

using namespace visplay;
using namespace visplay::testing;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

namespace {

/// One tiny checkpoint, loaded, and what transformers computed with it.
class Tiny {
 public:
  explicit Tiny(const std::string& name)
      : source_(golden_path("tiny_" + name)),
        golden_(SafetensorsFile::open(source_ / "golden.safetensors")),
        policy_((write_tiny_checkpoint(name, folder_ / ""), load_policy(folder_ / ""))),
        cases(read_cases(source_ / "cases.jsonl")) {}

  bool has(const std::string& name) const { return golden_.find(name) != nullptr; }
  std::vector<float> floats(const std::string& name) const { return to_float(golden_.at(name)); }
  std::vector<std::int64_t> ids(const std::string& name) const {
    const auto& entry = golden_.at(name);
    std::vector<std::int64_t> values(entry.numel());
    std::memcpy(values.data(), entry.bytes.data(), entry.bytes.size());
    return values;
  }

 private:
  test::TempFolder folder_;
  std::filesystem::path source_;
  SafetensorsFile golden_;
  QwenPolicy policy_;

 public:
  const std::vector<Case> cases;
  QwenPolicy policy() const { return policy_.clone(); }
};

const Tiny& tiny(const std::string& name) {
  static std::map<std::string, Tiny> loaded;
  return loaded.try_emplace(name, name).first->second;
}

const Tiny& each_checkpoint() {
  const std::string name = GENERATE("qwen", "mimo");
  CAPTURE(name);
  return tiny(name);
}

}  // namespace

TEST_CASE("prompts become the ids, positions, grids and pixels of transformers") {
  const auto& golden = each_checkpoint();
  const auto policy = golden.policy();
  for (std::size_t i = 0; i < golden.cases.size(); ++i) {
    CAPTURE(i);
    const auto prompt = policy.encode(golden.cases[i].prompt);
    CHECK(prompt.ids == golden.ids(key(i, "input_ids")));
    CHECK(prompt.positions.ids == golden.ids(key(i, "position_ids")));
    if (prompt.grids.empty()) continue;
    const auto grids = golden.ids(key(i, "image_grid_thw"));
    CHECK(std::ranges::equal(std::span(&prompt.grids[0].t, 3 * prompt.grids.size()), grids));
    const auto pixels = policy.assets().processor(golden.cases[i].prompt.images).pixel_values;
    check_digest(pixels, golden.floats(key(i, "pixel_values.digest")), 5e-7,
                 5e-7 * std::sqrt(double(pixels.size())));
  }
}

TEST_CASE("image features, hidden states and logits are those of transformers") {
  const auto& golden = each_checkpoint();
  const auto policy = golden.policy();
  const at::NoGradGuard no_gradients;
  for (std::size_t i = 0; i < golden.cases.size(); ++i) {
    CAPTURE(i);
    const auto prompt = policy.encode(golden.cases[i].prompt);
    const auto batch = collate_one(policy, prompt);
    if (batch.pixel_values.defined()) {
      const auto theirs = golden.floats(key(i, "image_features"));
      const auto ours = policy.model().image_features(batch);
      CHECK(distance(ours.index_select(0, batch.feature_rows), theirs) <= 3e-5 * largest(theirs));
    }
    const auto hidden = policy.model().hidden(batch);
    CHECK(distance(hidden, golden.floats(key(i, "hidden"))) <= 1e-4);
    const auto logits = at::linear(hidden, policy.model().head());
    CHECK(distance(logits[-1], golden.floats(key(i, "logits.last"))) <= 1e-4);
    check_digest(to_vector<float>(logits), golden.floats(key(i, "logits.digest")), 1e-4,
                 2e-5 * std::sqrt(double(logits.numel())));
  }
}

TEST_CASE("greedy decoding over the cache writes the ids of transformers") {
  const auto& golden = each_checkpoint();
  const auto policy = golden.policy();
  std::vector<Prompt> prompts;
  for (const auto& one : golden.cases) prompts.push_back(one.prompt);
  GenerateTimes times;
  const auto groups = LocalEngine(policy).generate(
      prompts, {.temperature = 0, .max_new_tokens = 24}, Rng(0), &times);
  std::size_t asked = 0, decoded = 0;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    CAPTURE(i);
    REQUIRE(golden.floats(key(i, "greedy_gap"))[0] > 1e-4f);  // no near tie in the goldens
    CHECK(groups[i].completions[0].token_ids == golden.ids(key(i, "greedy_ids")));
    asked += golden.ids(key(i, "input_ids")).size();
    decoded += golden.ids(key(i, "greedy_ids")).size() - 1;
  }
  CHECK(times.prompt_tokens == std::int64_t(asked));
  CHECK(times.decoded_tokens == std::int64_t(decoded));
}

TEST_CASE("log-probs that decoding reports are those of scoring the whole sequence") {
  const auto& golden = each_checkpoint();
  const auto policy = golden.policy();
  const at::NoGradGuard no_gradients;
  const auto& one = golden.cases[GENERATE(range(0u, 8u))];
  const auto groups = LocalEngine(policy).generate(
      std::span(&one.prompt, 1), {.temperature = 0.8, .max_new_tokens = 40, .n = 3}, Rng(5));
  const auto prompt = policy.encode(one.prompt);
  for (const auto& completion : groups[0].completions) {
    const auto batch = collate_one(policy, prompt, completion.token_ids);
    CHECK(distance(policy.log_probs(batch, 0.8).log_probs, completion.log_probs) <= 1e-4);
  }
}

TEST_CASE("log-probs and entropies of completions are those of transformers") {
  const auto& golden = each_checkpoint();
  const auto policy = golden.policy();
  const at::NoGradGuard no_gradients;
  for (std::size_t i = 0; i < golden.cases.size(); ++i) {
    CAPTURE(i);
    const auto completion = policy.assets().tokenizer.encode(golden.cases[i].completion);
    REQUIRE(completion == golden.ids(key(i, "completion_ids")));
    const auto prompt = policy.encode(golden.cases[i].prompt);
    const auto batch = collate_one(policy, prompt, completion);
    for (const auto& [temperature, end] : {std::pair(1., ""), std::pair(0.7, "_0.7")}) {
      const auto tokens = policy.log_probs(batch, temperature);
      const auto name = [&, end = end](const char* what) { return key(i, what) + end; };
      CHECK(distance(tokens.log_probs, golden.floats(name("log_probs"))) <= 1e-4);
      CHECK(distance(tokens.entropy, golden.floats(name("entropy"))) <= 1e-4);
    }
  }
}

TEST_CASE("the gradient of every parameter is that of transformers") {
  const auto& golden = each_checkpoint();
  auto policy = golden.policy();
  policy.weights().require_gradients(true);
  const auto batch = BatchOfCases(policy, golden.cases).collate(policy);
  policy.log_probs(batch).log_probs.mean().neg().backward();

  for (const auto& [name, tensor] : policy.weights().all()) {
    CAPTURE(name);
    REQUIRE(tensor.grad().defined());
    const auto ours = to_vector<float>(tensor.grad());
    const auto path = "grad/" + name;
    if (golden.has(path)) {
      const auto theirs = golden.floats(path);
      const auto scale = std::max(Digest(theirs).norm, 1e-3);
      CHECK(distance(ours, theirs) <= 1e-4 * scale);
    } else {
      const auto theirs = golden.floats(path + ".digest");
      check_digest(ours, theirs, 1e-4 * theirs[0], 1e-4 * theirs[0]);
    }
  }
}

TEST_CASE("completions that share a prompt have the log-probs and gradients of each alone") {
  const auto& golden = each_checkpoint();
  auto policy = golden.policy();
  policy.weights().require_gradients(true);
  const auto prompt = policy.encode(golden.cases[4].prompt);  // two images
  std::vector<std::vector<std::int64_t>> completions;
  for (const int i : {0, 2, 4})
    completions.push_back(golden.ids(key(std::size_t(i), "greedy_ids")));
  std::vector<SampleTokens> samples;
  for (const auto& completion : completions) samples.push_back({&prompt, completion});

  const auto together = policy.collate(samples);
  const auto shared = policy.log_probs(together).log_probs;
  shared.sum().backward();
  auto alone = golden.policy();
  alone.weights().require_gradients(true);
  std::vector<float> expected;
  for (const auto& completion : completions) {
    const auto tokens = alone.log_probs(collate_one(alone, prompt, completion)).log_probs;
    tokens.sum().backward();
    for (const float value : to_vector<float>(tokens)) expected.push_back(value);
  }
  CHECK(together.input_ids.size(0) ==  // the prompt once, and no row for last tokens
        std::int64_t(prompt.ids.size() + expected.size() - completions.size()));
  CHECK(distance(shared, expected) <= 2e-5);
  for (const auto& [name, tensor] : policy.weights().all()) {
    CAPTURE(name);
    const auto theirs = to_vector<float>(alone.weights().at(name).grad());
    CHECK(distance(tensor.grad(), theirs) <= 1e-4 * std::max(Digest(theirs).norm, 1e-2));
  }
}

TEST_CASE("a saved policy reads back as the same weights and the same files") {
  const auto& golden = each_checkpoint();
  const auto policy = golden.policy();
  const test::TempFolder folder;
  save_policy(policy, folder / "copy");
  const auto again = load_policy(folder / "copy");
  for (const auto& [name, tensor] : policy.weights().all())
    CHECK(at::equal(tensor, again.weights().at(name)));
  CHECK(again.weights().all().size() == policy.weights().all().size());
  const auto prompt = again.encode(golden.cases[1].prompt);
  CHECK(prompt.ids == golden.ids(key(1, "input_ids")));
}
