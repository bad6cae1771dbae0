// The traps of loading and configuration that other systems fell into; numbers as in the list of
// reference/qwen25vl.md section 11 (A).
#include <visplay/io/json.hpp>
#include <visplay/io/safetensors.hpp>
#include <visplay/io/safetensors_writer.hpp>
#include <visplay/model/qwen2_5_vl/assets.hpp>
#include <visplay/model/qwen2_5_vl/save_model.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <functional>
#include <iterator>

#include "support/small_model.hpp"
#include "support/temp_folder.hpp"
#include "support/tiny_checkpoint.hpp"

using namespace visplay;
using namespace visplay::testing;
using Catch::Matchers::ContainsSubstring;
using visplay::test::TempFolder;

namespace {

/// The config of the small model with fields changed (null removes).
ModelConfig changed(const char* patch, bool tied = false) {
  Json json = Json::parse(model_config_json(small_config(tied)));
  json.merge_patch(Json::parse(patch));
  return parse_model_config(json.dump(), "config.json");
}

/// A folder with the weights under other names; an empty name leaves a tensor out.
std::filesystem::path renamed(const TempFolder& folder, const Weights& weights,
                              const std::function<std::string(const std::string&)>& rename) {
  std::vector<TensorEntry> entries;
  for (const auto& [name, tensor] : weights.all())
    if (auto other = rename(name); !other.empty())
      entries.push_back(
          {std::move(other),
           DType::f32,
           tensor.sizes().vec(),
           {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()}});
  const auto count = std::distance(std::filesystem::directory_iterator(folder.path()), {});
  const auto place = folder / std::to_string(count);
  std::filesystem::create_directories(place);
  write_safetensors(place / "model.safetensors", entries);
  return place;
}

}  // namespace

TEST_CASE("trap 1: vision weights load under either prefix, and are never made up") {
  const TempFolder folder;
  const auto config = small_config();
  const Weights weights = random_weights(config, Rng(1));
  const auto prefixed = renamed(folder, weights, [](const std::string& name) {
    return name.starts_with("visual.") ? "model." + name : name;
  });
  const auto loaded = load_weights(prefixed, config);
  for (const auto& [name, tensor] : loaded.all()) CHECK(at::equal(tensor, weights.at(name)));
  for (const char* unknown : {"vision_tower.", ""}) {
    const auto lost = renamed(folder, weights, [&](const std::string& name) -> std::string {
      if (!name.starts_with("visual.")) return name;
      return *unknown ? unknown + name.substr(7) : "";
    });
    CHECK_THROWS_WITH(load_weights(lost, config),
                      ContainsSubstring("tensors are missing: visual.patch_embed.proj.weight"));
  }
}

TEST_CASE("trap 2: the head is the embedding wherever the flag stands, and never random") {
  const TempFolder folder;
  const Weights weights = random_weights(small_config(true), Rng(1));
  const auto place = renamed(folder, weights, [](const std::string& name) { return name; });
  for (const char* flags :
       {R"({"tie_word_embeddings":true})",
        R"({"tie_word_embeddings":null,"text_config":{"tie_word_embeddings":true}})",
        R"({"tie_word_embeddings":false,"text_config":{"tie_word_embeddings":true}})"}) {
    const auto loaded = load_weights(place, changed(flags, true));
    CHECK_FALSE(loaded.find("lm_head.weight").defined());
  }
  CHECK_THROWS_WITH(load_weights(place, changed(R"({"tie_word_embeddings":null})", true)),
                    ContainsSubstring("missing: lm_head.weight"));
}

TEST_CASE("trap 3: keys that define a shape have no default") {
  for (const char* patch :
       {R"({"hidden_size":null})", R"({"num_hidden_layers":null})", R"({"intermediate_size":null})",
        R"({"vocab_size":null})", R"({"vision_config":{"hidden_size":null}})",
        R"({"vision_config":{"intermediate_size":null}})", R"({"vision_config":{"depth":null}})"})
    CHECK_THROWS_WITH(changed(patch), ContainsSubstring("is missing"));
  // What is no shape takes the default of the class, which is not that of the published files.
  CHECK(changed(R"({"vision_config":{"tokens_per_second":null}})").vision.tokens_per_second == 4);
  CHECK(changed(R"({"rms_norm_eps":null})").text.rms_norm_eps == 1e-5);
}

TEST_CASE("trap 4: every spelling of a key is read, and a nested null is no value") {
  CHECK(changed(R"({"vision_config":{"in_channels":null,"in_chans":3}})").vision.in_channels == 3);
  const auto five = changed(R"({"rope_theta":null,"rope_scaling":null,"torch_dtype":null,
      "dtype":"bfloat16","text_config":{"rope_parameters":
      {"rope_type":"default","rope_theta":640000.0,"mrope_section":[0,1,1]}}})");
  CHECK(five.text.rope_theta == 640000);
  CHECK(five.text.mrope_section == std::array<std::int64_t, 3>{0, 1, 1});
  Json json = Json::parse(model_config_json(small_config()));
  json["text_config"] = Json::parse(R"({"image_token_id":null,"vocab_size":null,"video_token_id":7,
      "rope_scaling":{"rope_type":"default","type":"default","mrope_section":[1,0,1]}})");
  const auto nested = parse_model_config(json.dump(), "config.json");
  CHECK(nested.tokens.image == 5);
  CHECK(nested.tokens.video == 6);
  CHECK(nested.text.vocab_size == 40);
  CHECK(nested.text.mrope_section == std::array<std::int64_t, 3>{1, 0, 1});
}

TEST_CASE("trap 5: nothing of MiMo is taken from Qwen") {
  const auto mimo = load_model_config(golden_path("tiny_mimo"));
  CHECK(mimo.text.rms_norm_eps == 1e-5);
  CHECK(mimo.text.rope_theta == 640000);
  CHECK_FALSE(mimo.text.tie_word_embeddings);
  CHECK(VisionConfig::rms_norm_eps == 1e-6);
}

TEST_CASE("trap 6: the embedding has more rows than the tokenizer has tokens, and keeps them") {
  const TempFolder folder;
  write_tiny_checkpoint("mimo", folder.path());
  const auto assets = load_model_assets(folder.path());
  const auto rows = assets->config.text.vocab_size;
  CHECK(assets->tokenizer.size() < rows);
  const auto weights = load_weights(folder.path(), assets->config);
  CHECK(weights.at("model.embed_tokens.weight").size(0) == rows);
  save_model(folder / "saved", weights, folder.path());
  const auto saved = SafetensorsFile::open_folder(folder / "saved");
  CHECK(saved.at("model.embed_tokens.weight").shape[0] == rows);
  CHECK(saved.at("lm_head.weight").shape[0] == rows);
}
