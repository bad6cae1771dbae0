#include <visplay/model/qwen2_5_vl/tensor_names.hpp>

#include <visplay/core/error.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <map>
#include <string>

using namespace visplay;
using Catch::Matchers::ContainsSubstring;

namespace {

ModelConfig config_of(TextConfig text, VisionConfig vision) {
  ModelConfig config;
  config.text = text;
  config.vision = vision;
  return config;
}

VisionConfig published_vision(std::int64_t intermediate, std::int64_t out) {
  VisionConfig vision;
  vision.depth = 32, vision.hidden_size = 1280, vision.num_heads = 16;
  vision.intermediate_size = intermediate, vision.out_hidden_size = out;
  return vision;
}

TextConfig text_of(std::int64_t hidden, std::int64_t layers, std::int64_t heads, std::int64_t kv,
                   std::int64_t intermediate, std::int64_t vocab, bool tied) {
  TextConfig text;
  text.hidden_size = hidden, text.num_layers = layers, text.num_heads = heads;
  text.num_kv_heads = kv, text.intermediate_size = intermediate, text.vocab_size = vocab;
  text.tie_word_embeddings = tied;
  return text;
}

ModelConfig tiny(bool tied) {
  VisionConfig vision = published_vision(24, 16);
  vision.depth = 2, vision.hidden_size = 16, vision.num_heads = 2;
  return config_of(text_of(16, 2, 4, 2, 32, 40, tied), vision);
}

/// A checkpoint in memory: every tensor of the inventory, the n-th filled with the byte n.
struct Checkpoint {
  std::vector<std::vector<std::byte>> data;
  std::vector<TensorEntry> entries;

  explicit Checkpoint(const ModelConfig& config) {
    for (const TensorShape& tensor : tensor_inventory(config)) add(tensor);
  }
  void add(const TensorShape& tensor) {
    TensorEntry entry{tensor.name, DType::f32, tensor.shape, {}};
    data.emplace_back(std::size_t(entry.numel()) * 4, std::byte(data.size()));
    entry.bytes = data.back();
    entries.push_back(entry);
  }
  TensorEntry& operator[](std::string_view name) {
    return *std::ranges::find(entries, name, &TensorEntry::name);
  }
  void remove(std::string_view name) {
    std::erase_if(entries, [&](const TensorEntry& entry) { return entry.name == name; });
  }
};

std::int64_t total(const std::vector<TensorShape>& inventory) {
  std::int64_t sum = 0;
  for (const auto& tensor : inventory) sum += TensorEntry{"", DType::f32, tensor.shape, {}}.numel();
  return sum;
}

}  // namespace

TEST_CASE("the inventory of published models has their tensors and parameters") {
  struct Model {
    ModelConfig config;
    std::size_t tensors;
    std::int64_t parameters;
  };
  for (const auto& [config, tensors, parameters] :
       {Model{
            config_of(text_of(2048, 36, 16, 2, 11008, 151936, true), published_vision(3420, 2048)),
            824, 3754622976},
        Model{
            config_of(text_of(3584, 28, 28, 4, 18944, 152064, false), published_vision(3420, 3584)),
            729, 8292166656},
        Model{
            config_of(text_of(4096, 36, 32, 8, 11008, 151680, false), published_vision(3456, 4096)),
            825, 8306217216}}) {
    const auto inventory = tensor_inventory(config);
    CHECK(inventory.size() == tensors);
    CHECK(total(inventory) == parameters);
    CHECK(total(inventory) == parameter_count(config));
  }
}

TEST_CASE("the spellings of transformers and trainers become one") {
  for (const char* spelling :
       {"model.layers.3.mlp.up_proj.weight", "model.language_model.layers.3.mlp.up_proj.weight",
        "language_model.model.layers.3.mlp.up_proj.weight",
        "language_model.layers.3.mlp.up_proj.weight",
        "module.model.language_model.layers.3.mlp.up_proj.weight",
        "base_model.model.model.layers.3.mlp.up_proj.weight",
        "_orig_mod.module._fsdp_wrapped_module.model.layers.3.mlp.up_proj.weight",
        "module.model._fsdp_wrapped_module.layers.3._checkpoint_wrapped_module.mlp.up_proj.weight",
        "model._orig_mod.language_model.layers.3._orig_mod._fsdp_wrapped_module.mlp.up_proj."
        "weight"})
    CHECK(canonical_tensor_name(spelling) == "model.layers.3.mlp.up_proj.weight");
  CHECK(canonical_tensor_name("model.visual.merger.ln_q.weight") == "visual.merger.ln_q.weight");
  CHECK(canonical_tensor_name("visual.merger.ln_q.weight") == "visual.merger.ln_q.weight");
  CHECK(canonical_tensor_name("language_model.lm_head.weight") == "lm_head.weight");
  CHECK(canonical_tensor_name("lm_head.weight") == "lm_head.weight");
  CHECK(canonical_tensor_name("x_orig_mod.weight") == "x_orig_mod.weight");
  CHECK(canonical_tensor_name("language_model.norm.weight") == "model.norm.weight");
}

TEST_CASE("a checkpoint of every naming variant is matched in full") {
  const ModelConfig config = tiny(false);
  const auto spell = [](std::string name, const char* visual, const char* model) {
    if (name.starts_with("visual.")) return visual + name.substr(7);
    return name.starts_with("model.") ? model + name.substr(6) : name;
  };
  for (const auto& [visual, model] :
       {std::pair("visual.", "model."), std::pair("model.visual.", "model.language_model."),
        std::pair("model.visual.", "model."), std::pair("visual.", "language_model.")}) {
    Checkpoint checkpoint(config);
    for (TensorEntry& entry : checkpoint.entries) entry.name = spell(entry.name, visual, model);
    const auto found = match_tensors(config, checkpoint.entries, "test");
    CHECK(found.index.size() == checkpoint.entries.size());
    CHECK(found.warnings.empty());
    for (const TensorShape& wanted : tensor_inventory(config))
      CHECK(checkpoint.entries[found.at(wanted.name)].name == spell(wanted.name, visual, model));
  }
}

TEST_CASE("missing, misshapen and integer tensors are listed with their number") {
  const ModelConfig config = tiny(false);
  Checkpoint few(config);
  std::erase_if(few.entries, [](const TensorEntry& e) { return e.name.starts_with("visual."); });
  CHECK_THROWS_WITH(match_tensors(config, few.entries, "folder"),
                    ContainsSubstring("folder: 30 of") &&
                        ContainsSubstring("missing: visual.patch_embed.proj.weight") &&
                        ContainsSubstring("and 26 more"));
  Checkpoint wide(config);
  wide["model.norm.weight"].shape = {2, 8};
  CHECK_THROWS_WITH(match_tensors(config, wide.entries, "folder"),
                    ContainsSubstring("model.norm.weight [2, 8] instead of [16]"));
  Checkpoint integers(config);
  integers["model.norm.weight"].dtype = DType::i32;
  CHECK_THROWS_WITH(match_tensors(config, integers.entries, "folder"),
                    ContainsSubstring("model.norm.weight (I32)"));
}

TEST_CASE("two keys for one tensor are refused") {
  const ModelConfig config = tiny(false);
  Checkpoint checkpoint(config);
  checkpoint.add({"model.language_model.norm.weight", {16}});
  CHECK_THROWS_WITH(match_tensors(config, checkpoint.entries, "folder"),
                    ContainsSubstring("'model.norm.weight'") &&
                        ContainsSubstring("'model.language_model.norm.weight'"));
}

TEST_CASE("tensors the model has no use for are a warning") {
  const ModelConfig config = tiny(false);
  Checkpoint checkpoint(config);
  checkpoint.add({"model.mtp_layers.0.weight", {3}});
  const auto found = match_tensors(config, checkpoint.entries, "folder");
  CHECK(found.unexpected == std::vector<std::string>{"model.mtp_layers.0.weight"});
  REQUIRE(found.warnings.size() == 1);
  CHECK_THAT(found.warnings[0], ContainsSubstring("mtp_layers"));
  CHECK_FALSE(found.index.contains("model.mtp_layers.0.weight"));
}

TEST_CASE("the head is aliased, used or missed by the rules of the tie flag") {
  const TensorShape head{"lm_head.weight", {40, 16}};
  SECTION("tied and absent: the embedding") {
    const auto found = match_tensors(tiny(true), Checkpoint(tiny(true)).entries, "folder");
    CHECK(found.tied_head);
    CHECK_FALSE(found.index.contains("lm_head.weight"));
  }
  SECTION("tied and stored equal: the embedding") {
    Checkpoint checkpoint(tiny(true));
    checkpoint.add(head);
    checkpoint["lm_head.weight"].bytes = checkpoint["model.embed_tokens.weight"].bytes;
    const auto found = match_tensors(tiny(true), checkpoint.entries, "folder");
    CHECK(found.tied_head);
    CHECK(found.warnings.empty());
    CHECK(found.unexpected.empty());
  }
  SECTION("tied and stored otherwise: the stored one, with a warning") {
    Checkpoint checkpoint(tiny(true));
    checkpoint.add(head);
    const auto found = match_tensors(tiny(true), checkpoint.entries, "folder");
    CHECK_FALSE(found.tied_head);
    CHECK(found.index.contains("lm_head.weight"));
    CHECK(found.warnings.size() == 1);
  }
  SECTION("not tied and absent: an error") {
    Checkpoint checkpoint(tiny(false));
    checkpoint.remove("lm_head.weight");
    CHECK_THROWS_WITH(match_tensors(tiny(false), checkpoint.entries, "folder"),
                      ContainsSubstring("missing: lm_head.weight"));
  }
}
