// ModelConfig: the numbers that shape a Qwen2.5-VL style model, from a Hugging Face folder.
//
//   const ModelConfig config = load_model_config("Qwen2.5-VL-3B-Instruct");
//
// Reads the flat layout (published files) and the nested one (`text_config`, transformers 4.52 and
// later). A key is looked up in `text_config`, then at the root; null counts as absent. A missing
// key that defines a shape is an error, because the defaults of transformers fit no checkpoint.
#pragma once

#include <visplay/io/dtype.hpp>

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace visplay {

struct TextConfig {
  std::int64_t hidden_size = 0;
  std::int64_t num_layers = 0;
  std::int64_t num_heads = 0;
  std::int64_t num_kv_heads = 0;  ///< divides num_heads
  std::int64_t intermediate_size = 0;
  std::int64_t vocab_size = 0;  ///< rows of the embedding, padded: may exceed the tokenizer
  std::int64_t max_position_embeddings = 128000;
  double rms_norm_eps = 1e-6;
  double rope_theta = 1e6;
  std::array<std::int64_t, 3> mrope_section{16, 24, 24};  ///< t, h, w; sums to head_dim / 2
  bool tie_word_embeddings = false;                       ///< at the root or in text_config

  [[nodiscard]] std::int64_t head_dim() const { return hidden_size / num_heads; }
  friend bool operator==(const TextConfig&, const TextConfig&) = default;
};

struct VisionConfig {
  static constexpr double rms_norm_eps = 1e-6;  ///< fixed in the architecture, unlike the text's

  std::int64_t depth = 0;
  std::int64_t hidden_size = 0;
  std::int64_t num_heads = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t out_hidden_size = 0;  ///< equals TextConfig::hidden_size
  std::int64_t in_channels = 3;
  std::int64_t patch_size = 14;  ///< pixels
  std::int64_t spatial_merge_size = 2;
  std::int64_t temporal_patch_size = 2;
  std::int64_t window_size = 112;  ///< pixels
  double tokens_per_second = 2;
  std::vector<std::int64_t> fullatt_block_indexes{7, 15, 23, 31};

  [[nodiscard]] std::int64_t head_dim() const { return hidden_size / num_heads; }
  /// Numbers in one patch: a row of pixel_values (1176 for published models).
  [[nodiscard]] std::int64_t patch_dim() const {
    return in_channels * temporal_patch_size * patch_size * patch_size;
  }
  /// Patches that become one token of the text model.
  [[nodiscard]] std::int64_t merge_unit() const { return spatial_merge_size * spatial_merge_size; }
  /// Side of an attention window in merged units (4 for published models).
  [[nodiscard]] std::int64_t window_units() const {
    return window_size / spatial_merge_size / patch_size;
  }
  friend bool operator==(const VisionConfig&, const VisionConfig&) = default;
};

struct SpecialTokenIds {
  std::int64_t bos = 151643;  ///< <|endoftext|>
  std::int64_t pad = 151643;  ///< bos unless the folder says otherwise
  std::int64_t vision_start = 151652;
  std::int64_t vision_end = 151653;
  std::int64_t vision_pad = 151654;
  std::int64_t image = 151655;
  std::int64_t video = 151656;
  friend bool operator==(const SpecialTokenIds&, const SpecialTokenIds&) = default;
};

struct ModelConfig {
  TextConfig text;
  VisionConfig vision;
  SpecialTokenIds tokens;
  std::vector<std::int64_t> eos_ids;  ///< of generation_config.json, else of config.json; not empty
  std::string source;  ///< config.json as read, byte for byte; empty for a config made in code
};

/// @param where  a name for messages, usually the path
/// @throws Error naming the key if a key is missing, of the wrong kind, out of range or describes
///         something that is not built (sliding window, other rotary types)
[[nodiscard]] ModelConfig parse_model_config(std::string_view config_json, std::string_view where);

/// Reads config.json and, for the eos ids, generation_config.json if there is one.
/// @throws Error if the folder has no readable config.json
[[nodiscard]] ModelConfig load_model_config(const std::filesystem::path& folder);

/// Throws Error naming the first field that contradicts another or is out of range.
void check_model_config(const ModelConfig& config, std::string_view where);

/// config.json in the flat layout, which every transformers since 4.49, vLLM and llama.cpp load;
/// two-space indent, trailing newline. For new models: a folder that was read keeps its `source`.
[[nodiscard]] std::string model_config_json(const ModelConfig& config);

/// A config.json as it must read beside weights of a type (f32 or bf16): `torch_dtype` and `dtype`
/// name it, and a head that has weights of its own is not called tied. All other bytes stay.
/// @throws Error if that cannot be done by exchanging those values
[[nodiscard]] std::string config_json_beside_weights(std::string_view config_json, DType dtype,
                                                     bool own_head);

/// generation_config.json with the eos ids and the pad id.
[[nodiscard]] std::string generation_config_json(const ModelConfig& config);

/// Parameters of the model, a tied head counted once.
[[nodiscard]] std::int64_t parameter_count(const ModelConfig& config);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/model/qwen2_5_vl/config.ipp>
#endif
