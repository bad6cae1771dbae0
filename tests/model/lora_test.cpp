// Adapters against PEFT on the two tiny checkpoints. Goldens: tests/golden/make/adapter_parity.py.
#include <visplay/policy/policy.hpp>
#include <visplay/train/optimizer.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <set>

#include "support/temp_folder.hpp"
#include "support/tiny_policy.hpp"

using namespace visplay;
using namespace visplay::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

std::filesystem::path lora_folder(const std::string& name) {
  return golden_path("tiny_" + name) / "lora";
}

QwenPolicy adapted(const std::string& name) {
  const auto base = tiny_policy(name);
  return base.with_adapter(load_lora(lora_folder(name), base.assets().config));
}

double norm(std::span<const float> values) { return Digest(values).norm; }

// A copy of the committed PEFT folder whose config or tensors the test changes.
class EditedFolder {
 public:
  explicit EditedFolder(const std::string& name) {
    for (const char* file : {"adapter_config.json", "adapter_model.safetensors"})
      std::filesystem::copy_file(lora_folder(name) / file, folder_ / file);
  }
  template <class Edit>
  void edit_config(const Edit& edit) {
    auto json = read_json_file(folder_ / "adapter_config.json");
    edit(json);
    folder_.write("adapter_config.json", json.dump());
  }
  // rename(name) -> the new name; empty drops the tensor.
  template <class Rename>
  void edit_tensors(const Rename& rename) {
    const auto file = folder_ / "adapter_model.safetensors";
    const auto stored = SafetensorsFile::open(file);
    std::vector<TensorEntry> entries;
    for (auto entry : stored.entries())
      if (entry.name = rename(entry.name); !entry.name.empty()) entries.push_back(entry);
    write_safetensors(file, entries);
  }
  std::filesystem::path path() const { return folder_ / ""; }

 private:
  test::TempFolder folder_;
};

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  if (const auto at = text.find(from); at != std::string::npos) text.replace(at, from.size(), to);
  return text;
}

bool equal(const Weights& a, const Weights& b) {
  if (a.all().size() != b.all().size()) return false;
  for (const auto& [name, tensor] : a.all())
    if (!at::equal(tensor, b.at(name))) return false;
  return true;
}

}  // namespace

TEST_CASE("log-probs with a PEFT adapter, and with it off, are those of PEFT") {
  const std::string name = GENERATE("qwen", "mimo");
  const auto golden = SafetensorsFile::open(lora_folder(name) / "golden.safetensors");
  const auto policy = adapted(name);
  const auto off = policy.with_adapter({});
  const auto cases = tiny_cases(name);
  const at::NoGradGuard no_gradients;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    CAPTURE(name, i);
    const auto prompt = policy.encode(cases[i].prompt);
    const auto completion = policy.assets().tokenizer.encode(cases[i].completion);
    const auto batch = collate_one(policy, prompt, completion);
    const auto theirs = to_float(golden.at(key(i, "log_probs")));
    const auto base = to_float(golden.at(key(i, "base_log_probs")));
    CHECK(distance(policy.log_probs(batch).log_probs, theirs) <= 1e-4);
    CHECK(distance(off.log_probs(batch).log_probs, base) <= 1e-4);
    CHECK(distance(theirs, base) > 0.01);  // the adapter says something
  }
}

TEST_CASE("gradients of adapters and one AdamW step are those of PEFT; the base gets none") {
  const std::string name = GENERATE("qwen", "mimo");
  const auto golden = SafetensorsFile::open(lora_folder(name) / "golden.safetensors");
  auto policy = adapted(name);
  const auto before = policy.with_adapter({}).clone();
  AdamW optimizer(policy.trainable(),
                  {.beta1 = 0.9, .beta2 = 0.99, .weight_decay = 0.1, .max_grad_norm = 0});
  const auto cases = tiny_cases(name);
  const BatchOfCases encoded(policy, cases);
  policy.log_probs(encoded.collate(policy)).log_probs.mean().neg().backward();
  std::map<std::string, std::vector<float>> gradients;
  for (const auto& [path, tensor] : policy.adapter()->weights().all()) {
    CAPTURE(name, path);
    REQUIRE(tensor.grad().defined());
    const auto theirs = to_float(golden.at("grad/" + path));
    const auto ours = gradients[path] = to_vector<float>(tensor.grad());
    CHECK(distance(ours, theirs) <= 1e-4 * std::max(norm(theirs), 1e-3));
  }
  optimizer.step(1e-2);
  for (const auto& [path, tensor] : policy.adapter()->weights().all()) {
    CAPTURE(name, path);
    auto ours = to_vector<float>(tensor), theirs = to_float(golden.at("step/" + path));
    // Adam's first step is the rate times the gradient's sign: noise where there is no gradient.
    const auto& gradient = gradients[path];
    for (std::size_t i = 0; i < ours.size(); ++i)
      if (std::abs(gradient[i]) < 1e-5f * largest(gradient)) ours[i] = theirs[i] = 0;
    CHECK(distance(ours, theirs) <= 2e-5);
  }
  for (const auto& [path, tensor] : policy.weights().all()) {
    CHECK_FALSE(tensor.requires_grad());
    CHECK(at::equal(tensor, before.weights().at(path)));
  }
}

TEST_CASE("merged weights are those of PEFT, compute the same, and leave the base as it was") {
  const std::string name = GENERATE("qwen", "mimo");
  const auto golden = SafetensorsFile::open(lora_folder(name) / "golden.safetensors");
  const auto policy = adapted(name);
  const auto base = policy.weights().clone();
  const auto weights = merged(policy.weights(), *policy.adapter());
  std::size_t checked = 0;
  for (const auto& [path, tensor] : weights.all()) {
    CAPTURE(name, path);
    const auto* digest = golden.find("merged/" + path + ".digest");
    if (!digest) {
      CHECK(tensor.is_alias_of(policy.weights().at(path)));
      continue;
    }
    ++checked;
    const auto values = to_vector<float>(tensor);
    check_digest(values, to_float(*digest), 1e-6, 1e-6 * norm(values));
  }
  CHECK(checked == policy.adapter()->alphas().size());
  CHECK(equal(policy.weights(), base));  // to the bit
  const QwenPolicy whole(policy.shared_assets(), weights);
  const auto one = tiny_cases(name)[4];
  const auto prompt = policy.encode(one.prompt);
  const auto completion = policy.assets().tokenizer.encode(one.completion);
  const auto batch = collate_one(policy, prompt, completion);
  const at::NoGradGuard no_gradients;
  CHECK(distance(whole.log_probs(batch).log_probs,
                 to_vector<float>(policy.log_probs(batch).log_probs)) <= 1e-4);
}

TEST_CASE("adapters come back from a PEFT folder to the bit, in both spellings") {
  const std::string name = GENERATE("qwen", "mimo");
  const auto spelling = GENERATE(LoraSpelling::current, LoraSpelling::legacy);
  const auto policy = adapted(name);
  const auto& adapter = *policy.adapter();
  const test::TempFolder folder;
  save_lora(adapter, folder / "a", "some/base", spelling);
  CHECK(is_lora_folder(folder / "a"));
  CHECK(lora_base(folder / "a") == "some/base");
  const auto again = load_lora(folder / "a", policy.assets().config);
  CHECK(equal(adapter.weights(), again.weights()));
  CHECK(adapter.alphas() == again.alphas());
  for (const auto& [path, alpha] : adapter.alphas())
    CHECK(adapter.find(path)->scale == again.find(path)->scale);

  std::set<std::string> names, theirs;
  const auto written = SafetensorsFile::open(folder / "a" / "adapter_model.safetensors");
  for (const auto& entry : written.entries()) names.insert(entry.name);
  const auto peft = SafetensorsFile::open(lora_folder(name) / "adapter_model.safetensors");
  for (const auto& entry : peft.entries())
    theirs.insert(spelling == LoraSpelling::current
                      ? entry.name
                      : replaced(replaced(entry.name, "model.language_model.", "model."),
                                 "model.model.visual.", "model.visual."));
  CHECK(names == theirs);
}

TEST_CASE("new adapters start as the base, two seeds differ, targets are found by path") {
  const auto base = tiny_policy("qwen");
  const auto& config = base.assets().config;
  const Lora a(config, {.rank = 4}, Rng(1)), same(config, {.rank = 4}, Rng(1)),
      b(config, {.rank = 4}, Rng(2));
  CHECK(equal(a.weights(), same.weights()));
  CHECK_FALSE(equal(a.weights(), b.weights()));
  CHECK(a.alphas().size() == 7u * 3);  // three layers of the language model
  CHECK_FALSE(a.adapts_vision());
  const auto one = tiny_cases("qwen")[1];
  const auto prompt = base.encode(one.prompt);
  const auto batch = collate_one(base, prompt, std::vector<std::int64_t>{5, 6, 7});
  const at::NoGradGuard no_gradients;
  CHECK(
      at::equal(base.log_probs(batch).log_probs, base.with_adapter(a).log_probs(batch).log_probs));

  using Paths = std::vector<std::string>;
  CHECK(lora_targets(config, {"layers.1.*.?_proj"}) ==
        Paths{"model.layers.1.self_attn.q_proj", "model.layers.1.self_attn.k_proj",
              "model.layers.1.self_attn.v_proj", "model.layers.1.self_attn.o_proj"});
  CHECK(lora_targets(config, {"mlp.up_proj"}).size() == 3);  // not those of the tower
  CHECK(lora_targets(config, {"visual.*"}).size() == 4u * 5 + 2);
  CHECK(lora_targets(config, {"visual.blocks.2.attn.proj", "visual.blocks.2.*"}) ==
        lora_targets(config, {"visual.blocks.2.*"}));
  for (const char* wrong : {"proj", "lm_head", "patch_embed.proj", "qproj", "visual.nothing", ""})
    CHECK_THROWS_WITH(lora_targets(config, {wrong}), ContainsSubstring("is no linear layer"));
  CHECK_THROWS_WITH(Lora(config, {.rank = 0}, Rng(1)), ContainsSubstring("rank"));
}

TEST_CASE("a PEFT folder that says more than scale B A is refused by name") {
  const auto config = tiny_policy("qwen").assets().config;
  const auto [field, value] = GENERATE(
      table<std::string, Json>({{"peft_type", "IA3"},
                                {"use_dora", true},
                                {"bias", "all"},
                                {"lora_bias", true},
                                {"modules_to_save", Json::array({"lm_head"})},
                                {"init_lora_weights", "pissa_niter_4"},
                                {"rank_pattern", Json::object({{"layers\\.[01].*", 2}})},
                                {"rank_pattern", Json::object({{"layers.1.mlp.up_proj", 3}})},
                                {"r", 0},
                                {"r", "8"},
                                {"lora_alpha", -1},
                                {"use_rslora", "yes"}}));
  CAPTURE(field);
  EditedFolder folder("qwen");
  folder.edit_config([&, f = field, v = value](Json& json) { json[f] = v; });
  CHECK_THROWS_AS(load_lora(folder.path(), config), Error);
}

TEST_CASE("tensors of a PEFT folder that miss, differ or do not belong are named") {
  const auto config = tiny_policy("qwen").assets().config;
  const auto fails = [&](const auto& rename, const std::string& sentence) {
    EditedFolder folder("qwen");
    folder.edit_tensors(rename);
    CHECK_THROWS_WITH(load_lora(folder.path(), config), ContainsSubstring(sentence));
  };
  fails([](const std::string& n) { return n.ends_with("0.mlp.up_proj.lora_B.weight") ? "" : n; },
        "model.layers.0.mlp.up_proj has one of lora_A and lora_B");
  fails([](const std::string& n) { return replaced(n, "layers.2.", "layers.9."); },
        "belong to no linear layer");
  fails([](const std::string& n) { return replaced(n, "layers.0.self_attn.q", "visual.q"); },
        "belong to no linear layer");
  fails([](const std::string& n) { return replaced(n, "1.mlp.down_proj", "1.mlp.up_proj_"); },
        "belong to no linear layer");
  fails([](const std::string&) { return ""; }, "there are no adapters");
  fails(
      [](const std::string& n) {
        if (n.find("0.mlp.gate_proj") != n.npos) return replaced(n, "gate_proj", "down_proj");
        return n.find("0.mlp.down_proj") != n.npos ? std::string() : n;
      },
      "expected lora_A [r, 128]");
}

TEST_CASE("a folder with an adapter loads with the base that it names, or says what to do") {
  const test::TempFolder folder;
  std::filesystem::create_directories(folder / "base");
  write_tiny_checkpoint("qwen", folder / "base");
  const auto base = load_policy(folder / "base");
  const auto policy = base.with_adapter(load_lora(lora_folder("qwen"), base.assets().config));
  save_policy(policy, folder / "role");
  const auto again = load_policy(folder / "role");
  REQUIRE(again.adapter());
  CHECK(equal(again.trainable(), policy.trainable()));
  CHECK(equal(again.weights(), base.weights()));
  auto restored = base.with_adapter(Lora(base.assets().config, {.rank = 4}, Rng(1)));
  restore_policy(restored, folder / "role");
  CHECK(equal(restored.trainable(), policy.trainable()));
  std::filesystem::rename(folder / "base", folder / "moved");
  CHECK_THROWS_WITH(load_policy(folder / "role"), ContainsSubstring("whose base"));
}
