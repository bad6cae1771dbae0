#include <visplay/model/qwen2_5_vl/config.hpp>

#include <visplay/core/error.hpp>
#include <visplay/io/json.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <fstream>
#include <string>
#include <utility>

#include <unistd.h>

using namespace visplay;
using Catch::Matchers::ContainsSubstring;
using Integers = std::vector<std::int64_t>;

namespace {

// As published for Qwen2.5-VL-3B-Instruct, keys that shape nothing left out.
const char* const flat_3b = R"({
  "architectures": ["Qwen2_5_VLForConditionalGeneration"], "attention_dropout": 0.0,
  "bos_token_id": 151643, "eos_token_id": 151645, "vision_start_token_id": 151652,
  "vision_end_token_id": 151653, "vision_token_id": 151654, "image_token_id": 151655,
  "video_token_id": 151656, "hidden_act": "silu", "hidden_size": 2048,
  "initializer_range": 0.02, "intermediate_size": 11008, "max_position_embeddings": 128000,
  "max_window_layers": 70, "model_type": "qwen2_5_vl", "num_attention_heads": 16,
  "num_hidden_layers": 36, "num_key_value_heads": 2, "rms_norm_eps": 1e-06,
  "rope_theta": 1000000.0, "sliding_window": 32768, "tie_word_embeddings": true,
  "torch_dtype": "bfloat16", "use_cache": true, "use_sliding_window": false,
  "vision_config": {"depth": 32, "hidden_act": "silu", "hidden_size": 1280,
    "intermediate_size": 3420, "num_heads": 16, "in_chans": 3, "out_hidden_size": 2048,
    "patch_size": 14, "spatial_merge_size": 2, "spatial_patch_size": 14, "window_size": 112,
    "fullatt_block_indexes": [7, 15, 23, 31], "tokens_per_second": 2, "temporal_patch_size": 2},
  "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}, "vocab_size": 151936})";

// Written by transformers 5.23.0, save_pretrained of a small Qwen2_5_VLConfig.
const char* const nested_5x = R"({
  "image_token_id": 151655, "model_type": "qwen2_5_vl",
  "text_config": {"attention_dropout": 0.0, "bos_token_id": 151643, "eos_token_id": 151645,
    "hidden_act": "silu", "hidden_size": 32, "initializer_range": 0.02, "intermediate_size": 64,
    "layer_types": ["full_attention"], "max_position_embeddings": 32768, "max_window_layers": 80,
    "model_type": "qwen2_5_vl_text", "num_attention_heads": 4, "num_hidden_layers": 1,
    "num_key_value_heads": 2, "pad_token_id": null, "rms_norm_eps": 1e-06,
    "rope_parameters": {"mrope_section": [1, 1, 2], "rope_theta": 640000.0,
      "rope_type": "default"},
    "sliding_window": null, "use_cache": true, "use_sliding_window": false, "vocab_size": 151680},
  "tie_word_embeddings": true, "transformers_version": "5.23.0", "video_token_id": 151656,
  "vision_config": {"depth": 2, "fullatt_block_indexes": [1], "hidden_act": "silu",
    "hidden_size": 32, "in_channels": 3, "initializer_range": 0.02, "intermediate_size": 3420,
    "model_type": "qwen2_5_vl_vision", "num_heads": 2, "out_hidden_size": 32, "patch_size": 14,
    "rope_parameters": {"rope_theta": 10000.0, "rope_type": "axial"}, "spatial_merge_size": 2,
    "temporal_patch_size": 2, "tokens_per_second": 4, "window_size": 112},
  "vision_end_token_id": 151653, "vision_start_token_id": 151652})";

/// The 3B file with fields of the root replaced (null removes).
ModelConfig changed(const char* patch) {
  Json json = Json::parse(flat_3b);
  json.merge_patch(Json::parse(patch));
  return parse_model_config(json.dump(), "config.json");
}

const char* const to_7b = R"({"hidden_size": 3584, "num_hidden_layers": 28,
  "num_attention_heads": 28, "num_key_value_heads": 4, "intermediate_size": 18944,
  "vocab_size": 152064, "tie_word_embeddings": false, "vision_config": {"out_hidden_size": 3584}})";
const char* const to_mimo = R"({"hidden_size": 4096, "num_attention_heads": 32,
  "num_key_value_heads": 8, "vocab_size": 151680, "tie_word_embeddings": false,
  "rms_norm_eps": 1e-5, "rope_theta": 640000, "attention_bias": true,
  "vision_config": {"out_hidden_size": 4096, "intermediate_size": 3456}})";

struct TemporaryFolder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("visplay_config_" + std::to_string(::getpid()));
  TemporaryFolder() { std::filesystem::create_directories(path); }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  void write(const char* name, const std::string& text) const {
    std::ofstream(path / name) << text;
  }
};

}  // namespace

TEST_CASE("the published models have their published number of parameters") {
  CHECK(parameter_count(changed("{}")) == 3754622976);
  CHECK(parameter_count(changed(to_7b)) == 8292166656);
  CHECK(parameter_count(changed(to_mimo)) == 8306217216);
}

TEST_CASE("the flat layout is read") {
  const ModelConfig config = parse_model_config(flat_3b, "config.json");
  CHECK(config.text.hidden_size == 2048);
  CHECK(config.text.num_layers == 36);
  CHECK(config.text.head_dim() == 128);
  CHECK(config.text.mrope_section == std::array<std::int64_t, 3>{16, 24, 24});
  CHECK(config.text.tie_word_embeddings);
  CHECK(config.vision.head_dim() == 80);
  CHECK(config.vision.patch_dim() == 1176);
  CHECK(config.vision.window_units() == 4);
  CHECK(config.tokens.image == 151655);
  CHECK(config.eos_ids == Integers{151645});
  CHECK(config.source == flat_3b);
}

TEST_CASE("the nested layout is read, with rope_parameters and default rotary type") {
  const ModelConfig config = parse_model_config(nested_5x, "config.json");
  CHECK(config.text.rope_theta == 640000);
  CHECK(config.text.mrope_section == std::array<std::int64_t, 3>{1, 1, 2});
  CHECK(config.text.tie_word_embeddings);
  CHECK(config.text.vocab_size == 151680);
  CHECK(config.vision.fullatt_block_indexes == Integers{1});
  CHECK(config.vision.tokens_per_second == 4);
  CHECK(config.tokens.pad == 151643);
}

TEST_CASE("text_config wins over the root, null counts as absent, and either tie flag counts") {
  const ModelConfig config = changed(
      R"({"tie_word_embeddings": false, "text_config": {"num_hidden_layers": 2, "rope_theta": null,
          "tie_word_embeddings": true, "image_token_id": null}})");
  CHECK(config.text.num_layers == 2);
  CHECK(config.text.hidden_size == 2048);
  CHECK(config.text.rope_theta == 1e6);
  CHECK(config.text.tie_word_embeddings);
  CHECK(config.tokens.image == 151655);
}

TEST_CASE("a missing or impossible key is an error that names it") {
  for (const auto& [patch, words] : std::initializer_list<std::pair<const char*, const char*>>{
           {R"({"hidden_size": null})", "'hidden_size' is missing"},
           {R"({"vocab_size": null})", "'vocab_size' is missing"},
           {R"({"vision_config": null})", "'vision_config' is missing"},
           {R"({"vision_config": {"depth": null}})", "vision_config: 'depth' is missing"},
           {R"({"vision_config": 3})", "expected an object"},
           {R"({"num_hidden_layers": -1})", "'num_hidden_layers' is -1"},
           {R"({"num_hidden_layers": 2.5})", "'num_hidden_layers' is 2.5"},
           {R"({"num_hidden_layers": "36"})", "'num_hidden_layers' is \"36\""},
           {R"({"vocab_size": 1e30})", "'vocab_size'"},
           {R"({"rms_norm_eps": 0})", "'rms_norm_eps' is 0"},
           {R"({"num_attention_heads": 15})", "15 heads"},
           {R"({"num_key_value_heads": 3})", "3 key-value heads"},
           {R"({"model_type": "qwen2_vl"})", "'model_type' is \"qwen2_vl\""},
           {R"({"hidden_act": "gelu"})", "'hidden_act'"},
           {R"({"use_sliding_window": true})", "use_sliding_window"},
           {R"({"layer_types": ["sliding_attention"]})", "layer_types"},
           {R"({"rope_scaling": {"type": "yarn"}})", "'type' is \"yarn\""},
           {R"({"rope_scaling": {"mrope_section": [16, 24]}})", "2 numbers"},
           {R"({"rope_scaling": {"mrope_section": [16, 24, 25]}})", "sums to 65"},
           {R"({"head_dim": 64})", "'head_dim' is 64"},
           {R"({"quantization_config": {"bits": 4}})", "quantized"},
           {R"({"vision_config": {"out_hidden_size": 1}})", "out_hidden_size"},
           {R"({"vision_config": {"in_chans": 4}})", "in_channels is 4"},
           {R"({"image_token_id": 151936})", "outside vocab_size"},
           {R"({"eos_token_id": [1, -2]})", "'eos_token_id' is -2"},
       })
    CHECK_THROWS_WITH(changed(patch), ContainsSubstring(words) && ContainsSubstring("config.json"));
  CHECK_THROWS_WITH(parse_model_config("[]", "config.json"), ContainsSubstring("object"));
}

TEST_CASE("eos ids come from generation_config.json, else from config.json") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(load_model_config(folder.path), ContainsSubstring("config.json"));
  CHECK_THROWS_WITH(load_model_config(folder.path / "none"), ContainsSubstring("no such folder"));
  folder.write("config.json", flat_3b);
  CHECK(load_model_config(folder.path).eos_ids == Integers{151645});
  folder.write("generation_config.json", R"({"eos_token_id": [151645, 151643],
    "pad_token_id": 151643, "do_sample": true, "temperature": 1e-06})");
  CHECK(load_model_config(folder.path).eos_ids == Integers{151645, 151643});
  folder.write("generation_config.json", R"({"eos_token_id": 7})");
  CHECK(load_model_config(folder.path).eos_ids == Integers{7});
}

TEST_CASE("a config written for a new model reads back equal") {
  for (const char* patch : {"{}", to_7b, to_mimo, R"({"pad_token_id": 449})",
                            R"({"eos_token_id": [151645, 151643]})"}) {
    CAPTURE(patch);
    const ModelConfig config = changed(patch);
    const ModelConfig again = parse_model_config(model_config_json(config), "written");
    CHECK(again.text == config.text);
    CHECK(again.vision == config.vision);
    CHECK(again.tokens == config.tokens);
    CHECK(again.eos_ids == config.eos_ids);
  }
  ModelConfig config = changed("{}");
  config.eos_ids = {151645, 151643};
  const TemporaryFolder folder;
  folder.write("config.json", model_config_json(config));
  folder.write("generation_config.json", generation_config_json(config));
  CHECK(load_model_config(folder.path).eos_ids == config.eos_ids);
}

TEST_CASE("a short config for a new model takes the architecture's constants") {
  const ModelConfig config = parse_model_config(
      R"({"hidden_size": 128, "num_hidden_layers": 3, "num_attention_heads": 4,
          "num_key_value_heads": 2, "intermediate_size": 256, "vocab_size": 512,
          "image_token_id": 510, "tie_word_embeddings": true,
          "rope_scaling": {"type": "mrope", "mrope_section": [4, 6, 6]},
          "vision_config": {"depth": 2, "hidden_size": 64, "num_heads": 4,
                            "intermediate_size": 128, "fullatt_block_indexes": [1]}})",
      "small.json");
  CHECK(config.vision.out_hidden_size == 128);
  CHECK(config.vision.patch_size == 14);
  CHECK(config.vision.window_size == 112);
  CHECK(config.text.rope_theta == 1e6);
}
