// Bodies of model/qwen2_5_vl/config.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/macros.hpp>
#include <visplay/io/durable_file.hpp>
#include <visplay/io/json.hpp>
#include <visplay/model/qwen2_5_vl/config.hpp>

#include <fmt/format.h>

#include <initializer_list>

namespace visplay {
namespace detail {

// Above any model, and small enough that products of three of them fit 63 bits.
inline constexpr std::int64_t max_side = 1 << 20;
inline constexpr std::int64_t max_token_id = std::int64_t(1) << 31;
inline constexpr std::int64_t max_layers = 256;  // names are listed before files are looked at

/// The fields of one object of a config.json, with the objects to fall back to behind it.
class ConfigFields {
 public:
  /// @param places  where to look, in order; null pointers and objects without the key are skipped
  ConfigFields(std::initializer_list<const Json*> places, std::string_view where)
      : where_(where), places_(places) {}

  /// The first value that is there and not null.
  [[nodiscard]] const Json* find(const char* key) const {
    for (const Json* place : places_) {
      if (place == nullptr || !place->is_object()) continue;
      const auto field = place->find(key);
      if (field != place->end() && !field->is_null()) return &*field;
    }
    return nullptr;
  }

  [[nodiscard]] std::int64_t integer(const char* key, std::int64_t low, std::int64_t high) const {
    const Json* field = find(key);
    check(field != nullptr, "{}: '{}' is missing", where_, key);
    return integer(*field, key, low, high);
  }
  [[nodiscard]] std::int64_t integer_or(const char* key, std::int64_t fallback, std::int64_t low,
                                        std::int64_t high) const {
    const Json* field = find(key);
    return field == nullptr ? fallback : integer(*field, key, low, high);
  }
  [[nodiscard]] std::int64_t side(const char* key) const { return integer(key, 1, max_side); }
  [[nodiscard]] std::int64_t side_or(const char* key, std::int64_t fallback) const {
    return integer_or(key, fallback, 1, max_side);
  }
  /// An integer or a list of integers; empty if absent.
  [[nodiscard]] std::vector<std::int64_t> integers(const char* key, std::int64_t high) const {
    std::vector<std::int64_t> out;
    const Json* field = find(key);
    if (field == nullptr) return out;
    if (!field->is_array()) return {integer(*field, key, 0, high)};
    for (const Json& item : *field) out.push_back(integer(item, key, 0, high));
    return out;
  }
  [[nodiscard]] double positive_or(const char* key, double fallback) const {
    const Json* field = find(key);
    if (field == nullptr) return fallback;
    const auto value = json_as<double>(*field);
    check(value.has_value() && *value > 0, "{}: '{}' is {}, expected a positive number", where_,
          key, text(*field));
    return *value;
  }
  [[nodiscard]] bool flag(const char* key) const {
    const Json* field = find(key);
    check(field == nullptr || field->is_boolean(), "{}: '{}' is {}, expected true or false", where_,
          key, field == nullptr ? "" : text(*field));
    return field != nullptr && field->get<bool>();
  }
  /// Throws unless the key is absent or its value is one of those built.
  void require(const char* key, std::initializer_list<std::string_view> built) const {
    const Json* field = find(key);
    if (field == nullptr) return;
    for (const std::string_view value : built)
      if (*field == value) return;
    throw Error(fmt::format("{}: '{}' is {}, only '{}' is built", where_, key, text(*field),
                            fmt::join(built, "' or '")));
  }

 private:
  static std::string text(const Json& value) { return printable(write_json(value), 40); }

  std::int64_t integer(const Json& field, const char* key, std::int64_t low,
                       std::int64_t high) const {
    const auto value = json_as<std::int64_t>(field);
    check(value && low <= *value && *value <= high, "{}: '{}' is {}, expected an integer in {}..{}",
          where_, key, text(field), low, high);
    return *value;
  }

  std::string_view where_;
  std::vector<const Json*> places_;
};

/// An object below another one; null if absent. Anything but an object is an error.
VISPLAY_INLINE const Json* json_child(const Json* parent, const char* key, std::string_view where) {
  if (parent == nullptr) return nullptr;
  const auto field = parent->find(key);
  if (field == parent->end() || field->is_null()) return nullptr;
  check(field->is_object(), "{}: '{}' is {}, expected an object", where, key, field->type_name());
  return &*field;
}

/// rope_parameters (5.x) wins over rope_scaling and rope_theta (4.x).
VISPLAY_INLINE void read_rotary(const Json& root, const Json* nested, std::string_view where,
                                TextConfig& text) {
  const ConfigFields parameters(
      {json_child(nested, "rope_parameters", where), json_child(&root, "rope_parameters", where)},
      where);
  const ConfigFields scaling(
      {json_child(nested, "rope_scaling", where), json_child(&root, "rope_scaling", where)}, where);
  for (const ConfigFields* rotary : {&parameters, &scaling})
    for (const char* key : {"rope_type", "type"}) rotary->require(key, {"mrope", "default"});
  const double plain = ConfigFields({nested, &root}, where).positive_or("rope_theta", 1e6);
  text.rope_theta = parameters.positive_or("rope_theta", plain);
  for (const ConfigFields* rotary : {&parameters, &scaling}) {
    const auto section = rotary->integers("mrope_section", max_side);
    if (section.empty()) continue;
    check(section.size() == 3, "{}: 'mrope_section' has {} numbers, expected 3", where,
          section.size());
    text.mrope_section = {section[0], section[1], section[2]};
    return;
  }
}

VISPLAY_INLINE TextConfig read_text(const Json& root, std::string_view where) {
  const Json* nested = json_child(&root, "text_config", where);
  const ConfigFields fields({nested, &root}, where);
  TextConfig text;
  text.hidden_size = fields.side("hidden_size");
  text.num_layers = fields.integer("num_hidden_layers", 1, max_layers);
  text.num_heads = fields.side("num_attention_heads");
  text.num_kv_heads = fields.side_or("num_key_value_heads", text.num_heads);
  text.intermediate_size = fields.side("intermediate_size");
  text.vocab_size = fields.integer("vocab_size", 1, max_token_id);
  text.max_position_embeddings = fields.integer_or("max_position_embeddings", 32768, 1, INT64_MAX);
  text.rms_norm_eps = fields.positive_or("rms_norm_eps", 1e-5);
  // Releases between 4.52 and 5.x put the flag in one place or the other: either counts.
  text.tie_word_embeddings = ConfigFields({&root}, where).flag("tie_word_embeddings") ||
                             ConfigFields({nested}, where).flag("tie_word_embeddings");
  read_rotary(root, nested, where, text);

  fields.require("hidden_act", {"silu"});
  check(!fields.flag("use_sliding_window"),
        "{}: 'use_sliding_window' is true, only full attention "
        "is built",
        where);
  if (const Json* types = fields.find("layer_types"))
    for (const Json& type : *types)
      check(type == "full_attention", "{}: 'layer_types' has {}, only full_attention is built",
            where, printable(write_json(type), 40));
  const auto head_dim = fields.side_or("head_dim", text.head_dim());
  check(head_dim == text.head_dim(), "{}: 'head_dim' is {}, expected hidden_size / heads = {}",
        where, head_dim, text.head_dim());
  return text;
}

VISPLAY_INLINE VisionConfig read_vision(const Json& root, const TextConfig& text,
                                        std::string_view where) {
  const Json* nested = json_child(&root, "vision_config", where);
  check(nested != nullptr, "{}: 'vision_config' is missing", where);
  const std::string inside = std::string(where) + ": vision_config";
  const ConfigFields fields({nested}, inside);
  VisionConfig vision;
  vision.depth = fields.integer("depth", 1, max_layers);
  vision.hidden_size = fields.side("hidden_size");
  vision.num_heads = fields.side("num_heads");
  vision.intermediate_size = fields.side("intermediate_size");
  vision.out_hidden_size = fields.side_or("out_hidden_size", text.hidden_size);
  vision.in_channels = fields.side_or("in_channels", fields.side_or("in_chans", 3));
  vision.patch_size = fields.integer_or("patch_size", 14, 1, 1024);
  vision.spatial_merge_size = fields.integer_or("spatial_merge_size", 2, 1, 16);
  vision.temporal_patch_size = fields.integer_or("temporal_patch_size", 2, 1, 64);
  vision.window_size = fields.side_or("window_size", 112);
  vision.tokens_per_second = fields.positive_or("tokens_per_second", 4);
  check(vision.tokens_per_second <= 1e6, "{}: 'tokens_per_second' is {}, expected at most 1e6",
        inside, vision.tokens_per_second);
  if (fields.find("fullatt_block_indexes") != nullptr)
    vision.fullatt_block_indexes = fields.integers("fullatt_block_indexes", max_side);
  fields.require("hidden_act", {"silu"});
  const ConfigFields rotary({json_child(nested, "rope_parameters", inside), nested}, inside);
  const double theta = rotary.positive_or("rope_theta", 10000);
  check(theta == 10000, "{}: 'rope_theta' is {}, only 10000 is built", inside, theta);
  return vision;
}

VISPLAY_INLINE SpecialTokenIds read_token_ids(const Json& root, std::string_view where) {
  // The root first: some releases wrote nested copies that are null or stale.
  const ConfigFields fields({&root, json_child(&root, "text_config", where)}, where);
  const auto id = [&](const char* key, std::int64_t fallback) {
    return fields.integer_or(key, fallback, 0, max_token_id);
  };
  SpecialTokenIds tokens;
  tokens.bos = id("bos_token_id", tokens.bos);
  tokens.pad = id("pad_token_id", tokens.bos);
  tokens.vision_start = id("vision_start_token_id", tokens.vision_start);
  tokens.vision_end = id("vision_end_token_id", tokens.vision_end);
  tokens.vision_pad = id("vision_token_id", tokens.vision_pad);
  tokens.image = id("image_token_id", tokens.image);
  tokens.video = id("video_token_id", tokens.video);
  return tokens;
}

VISPLAY_INLINE OrderedJson vision_json(const VisionConfig& vision) {
  return {{"model_type", "qwen2_5_vl"},
          {"depth", vision.depth},
          {"hidden_act", "silu"},
          {"hidden_size", vision.hidden_size},
          {"intermediate_size", vision.intermediate_size},
          {"num_heads", vision.num_heads},
          {"in_chans", vision.in_channels},
          {"in_channels", vision.in_channels},
          {"out_hidden_size", vision.out_hidden_size},
          {"patch_size", vision.patch_size},
          {"spatial_merge_size", vision.spatial_merge_size},
          {"spatial_patch_size", vision.patch_size},
          {"temporal_patch_size", vision.temporal_patch_size},
          {"tokens_per_second", std::int64_t(vision.tokens_per_second)},
          {"window_size", vision.window_size},
          {"fullatt_block_indexes", vision.fullatt_block_indexes}};
}

/// Every value of the key, in any object of a JSON text, becomes `value`; the rest stays. A value is
/// a string, a number or a word.
VISPLAY_INLINE std::string with_json_values(std::string text, std::string_view key,
                                            std::string_view value) {
  const std::string quoted = fmt::format("\"{}\"", key);
  constexpr std::string_view space = " \t\r\n";
  std::size_t at = 0;
  while ((at = text.find(quoted, at)) != text.npos) {
    at += quoted.size();
    const auto colon = text.find_first_not_of(space, at);
    if (colon == text.npos || text[colon] != ':') continue;  // a value that is spelled like the key
    const auto begin = text.find_first_not_of(space, colon + 1);
    if (begin == text.npos) break;
    const auto end = text[begin] == '"' ? text.find('"', begin + 1) + 1
                                        : text.find_first_of(",}] \t\r\n", begin);
    text.replace(begin, end - begin, value);
    at = begin + value.size();
  }
  return text;
}

}  // namespace detail

VISPLAY_INLINE ModelConfig parse_model_config(std::string_view config_json,
                                              std::string_view where) {
  const Json root = parse_json(config_json, where);
  check(root.is_object(), "{}: expected an object, got {}", where, root.type_name());
  const detail::ConfigFields fields({&root, detail::json_child(&root, "text_config", where)},
                                    where);
  detail::ConfigFields({&root}, where).require("model_type", {"qwen2_5_vl"});
  check(detail::json_child(&root, "quantization_config", where) == nullptr,
        "{}: a quantized model, only plain float weights are read", where);
  ModelConfig config;
  config.text = detail::read_text(root, where);
  config.vision = detail::read_vision(root, config.text, where);
  config.tokens = detail::read_token_ids(root, where);
  config.eos_ids = fields.integers("eos_token_id", detail::max_token_id);
  if (config.eos_ids.empty()) config.eos_ids = {151645};
  config.source = config_json;
  check_model_config(config, where);
  return config;
}

VISPLAY_INLINE ModelConfig load_model_config(const std::filesystem::path& folder) {
  check(std::filesystem::is_directory(folder), "{}: no such folder", folder.string());
  constexpr std::size_t most = std::size_t(1) << 20;  // bytes; published files have 1 to 5 thousand
  const auto path = folder / "config.json", generation = folder / "generation_config.json";
  ModelConfig config = parse_model_config(read_file(path, most), path.string());
  if (!std::filesystem::exists(generation)) return config;
  const std::string where = generation.string();
  const Json json = parse_json(read_file(generation, most), where);
  const detail::ConfigFields fields({&json}, where);
  const auto eos = fields.integers("eos_token_id", detail::max_token_id);
  if (!eos.empty()) config.eos_ids = eos;
  config.tokens.pad = fields.integer_or("pad_token_id", config.tokens.pad, 0, detail::max_token_id);
  return config;
}

VISPLAY_INLINE void check_model_config(const ModelConfig& config, std::string_view where) {
  const TextConfig& text = config.text;
  const VisionConfig& vision = config.vision;
  check(text.num_heads > 0 && text.hidden_size % text.num_heads == 0 && text.head_dim() % 2 == 0,
        "{}: hidden_size {} over {} heads is no even head size", where, text.hidden_size,
        text.num_heads);
  check(text.num_kv_heads > 0 && text.num_heads % text.num_kv_heads == 0,
        "{}: {} heads cannot share {} key-value heads", where, text.num_heads, text.num_kv_heads);
  const auto& section = text.mrope_section;
  check(section[0] + section[1] + section[2] == text.head_dim() / 2,
        "{}: mrope_section [{}, {}, {}] sums to {}, expected head_dim / 2 = {}", where, section[0],
        section[1], section[2], section[0] + section[1] + section[2], text.head_dim() / 2);
  check(vision.num_heads > 0 && vision.hidden_size % vision.num_heads == 0 &&
            vision.head_dim() % 4 == 0,
        "{}: vision hidden_size {} over {} heads is no multiple of 4", where, vision.hidden_size,
        vision.num_heads);
  check(vision.out_hidden_size == text.hidden_size,
        "{}: vision out_hidden_size is {}, the text's hidden_size {}", where,
        vision.out_hidden_size, text.hidden_size);
  check(vision.in_channels == 3, "{}: vision in_channels is {}, only 3 is built", where,
        vision.in_channels);
  check(vision.window_units() > 0, "{}: window_size {} is less than one merged patch", where,
        vision.window_size);
  check(config.tokens.image < text.vocab_size, "{}: image_token_id {} is outside vocab_size {}",
        where, config.tokens.image, text.vocab_size);
  check(!config.eos_ids.empty(), "{}: no eos_token_id", where);
}

VISPLAY_INLINE std::string model_config_json(const ModelConfig& config) {
  check_model_config(config, "config.json");
  const TextConfig& text = config.text;
  const SpecialTokenIds& tokens = config.tokens;
  OrderedJson json{{"architectures", {"Qwen2_5_VLForConditionalGeneration"}},
                   {"model_type", "qwen2_5_vl"},
                   {"hidden_size", text.hidden_size},
                   {"num_hidden_layers", text.num_layers},
                   {"num_attention_heads", text.num_heads},
                   {"num_key_value_heads", text.num_kv_heads},
                   {"intermediate_size", text.intermediate_size},
                   {"vocab_size", text.vocab_size},
                   {"max_position_embeddings", text.max_position_embeddings},
                   {"rms_norm_eps", text.rms_norm_eps},
                   {"rope_theta", text.rope_theta},
                   {"tie_word_embeddings", text.tie_word_embeddings},
                   {"attention_dropout", 0.0},
                   {"hidden_act", "silu"},
                   {"initializer_range", 0.02},
                   {"use_cache", true},
                   {"use_sliding_window", false},
                   {"torch_dtype", "float32"},
                   {"bos_token_id", tokens.bos},
                   {"eos_token_id", config.eos_ids},
                   {"vision_start_token_id", tokens.vision_start},
                   {"vision_end_token_id", tokens.vision_end},
                   {"vision_token_id", tokens.vision_pad},
                   {"image_token_id", tokens.image},
                   {"video_token_id", tokens.video}};
  if (config.eos_ids.size() == 1) json["eos_token_id"] = config.eos_ids.front();
  if (tokens.pad != tokens.bos) json["pad_token_id"] = tokens.pad;
  json["rope_scaling"] = {{"type", "mrope"}, {"mrope_section", text.mrope_section}};
  json["vision_config"] = detail::vision_json(config.vision);
  return json.dump(2) + "\n";
}

VISPLAY_INLINE std::string config_json_beside_weights(std::string_view config_json, DType dtype,
                                                      bool own_head) {
  check(dtype == DType::f32 || dtype == DType::bf16, "config.json: expected F32 or BF16, got {}",
        name_of(dtype));
  std::string text(config_json);
  for (const char* key : {"torch_dtype", "dtype"})
    text = detail::with_json_values(std::move(text), key,
                                    dtype == DType::bf16 ? "\"bfloat16\"" : "\"float32\"");
  if (own_head) text = detail::with_json_values(std::move(text), "tie_word_embeddings", "false");
  return parse_model_config(text, "config.json with the type of the weights").source;
}

VISPLAY_INLINE std::string generation_config_json(const ModelConfig& config) {
  const OrderedJson json{{"bos_token_id", config.tokens.bos},
                         {"eos_token_id", config.eos_ids},
                         {"pad_token_id", config.tokens.pad}};
  return json.dump(2) + "\n";
}

VISPLAY_INLINE std::int64_t parameter_count(const ModelConfig& config) {
  const TextConfig& t = config.text;
  const VisionConfig& v = config.vision;
  const std::int64_t D = t.hidden_size, kv = t.num_kv_heads * t.head_dim(), E = v.hidden_size;
  const std::int64_t layer =
      2 * D + (D * D + D) + 2 * (kv * D + kv) + D * D + 3 * D * t.intermediate_size;
  const std::int64_t head = t.tie_word_embeddings ? 1 : 2;
  const std::int64_t block = 2 * E + (3 * E * E + 3 * E) + (E * E + E) +
                             3 * E * v.intermediate_size + 2 * v.intermediate_size + E;
  const std::int64_t wide = v.merge_unit() * E;
  const std::int64_t merger = E + (wide * wide + wide) + (wide * D + D);
  return head * t.vocab_size * D + t.num_layers * layer + D + E * v.patch_dim() + v.depth * block +
         merger;
}

}  // namespace visplay
