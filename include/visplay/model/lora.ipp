// Bodies of lora.hpp.
#pragma once

#include <visplay/io/durable_file.hpp>
#include <visplay/io/json.hpp>
#include <visplay/io/safetensors.hpp>
#include <visplay/model/lora.hpp>
#include <visplay/model/qwen2_5_vl/tensor_names.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace visplay {
namespace detail {

constexpr std::string_view lora_a_end = ".lora_A.weight";

// Names of an adapter's tensors. (Formatted: g++ 12 warns of ghosts in string additions.)
VISPLAY_INLINE std::string lora_a_name(std::string_view path) {
  return fmt::format("{}{}", path, lora_a_end);
}
VISPLAY_INLINE std::string lora_b_name(std::string_view path) {
  return fmt::format("{}.lora_B.weight", path);
}

// Paths and shapes [out, in] of all linear layers but the head, in model order.
VISPLAY_INLINE std::vector<TensorShape> linear_layers(const ModelConfig& config) {
  std::vector<TensorShape> layers;
  constexpr std::string_view end = ".weight";
  for (const auto& [name, shape] : tensor_inventory(config))
    if (shape.size() == 2 && name != "lm_head.weight" && name != "model.embed_tokens.weight")
      layers.push_back({name.substr(0, name.size() - end.size()), shape});
  return layers;
}

// Does the pattern with * and ? match the whole text? Greedy with one place to come back to.
VISPLAY_INLINE bool glob_matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, after_star = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++, after_star = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p, ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1, t = ++after_star;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

// Does the pattern match the path or its end, cut at a dot?
VISPLAY_INLINE bool names_path(std::string_view pattern, std::string_view path) {
  if (pattern == "all-linear") return !path.starts_with("visual.");
  if (path.starts_with("visual.") != pattern.starts_with("visual.")) return false;
  for (;;) {
    if (glob_matches(pattern, path)) return true;
    const auto dot = path.find('.');
    if (dot == std::string_view::npos) return false;
    path.remove_prefix(dot + 1);
  }
}

// What identifies a layer in every spelling of its path: "layers.0.mlp.up_proj",
// "visual.blocks.0.attn.qkv".
VISPLAY_INLINE std::string peft_target(std::string_view path) {
  constexpr std::string_view model = "model.";
  return std::string(path.starts_with(model) ? path.substr(model.size()) : path);
}

// A tensor's name inside transformers' model.
VISPLAY_INLINE std::string runtime_name(std::string_view name, LoraSpelling spelling) {
  if (spelling == LoraSpelling::legacy) return std::string(name);
  if (name.starts_with("visual.")) return fmt::format("model.{}", name);
  return fmt::format("model.language_model.{}", peft_target(name));
}

VISPLAY_INLINE void refuse_unless(bool fine, std::string_view where, std::string_view what) {
  check(fine, "{}: {} is not built", where, what);
}

// Refuses adapters that are more, or other, than scale * B A.
VISPLAY_INLINE void check_peft_config(const Json& json, const std::string& where) {
  const auto type = json_field_or<std::string>(json, "peft_type", where, "");
  check(type == "LORA", "{}: expected peft_type LORA, got \"{}\"", where, type);
  const auto absent = [&](const char* key) {
    const auto field = json.find(key);
    return field == json.end() || field->is_null() || field->empty() || *field == false;
  };
  for (const char* key : {"use_dora", "lora_bias", "use_qalora", "use_bdlora", "fan_in_fan_out",
                          "modules_to_save", "layer_replication", "target_parameters",
                          "trainable_token_indices", "alora_invocation_tokens", "megatron_config",
                          "monteclora_config", "arrow_config", "kasa_config"})
    refuse_unless(absent(key), where, key);
  const auto bias = json_field_or<std::string>(json, "bias", where, "none");
  refuse_unless(bias == "none", where, fmt::format("bias \"{}\"", bias));
  if (const auto init = json.find("init_lora_weights"); init != json.end() && init->is_string()) {
    const auto name = init->get<std::string>();
    refuse_unless(name == "gaussian" || name == "eva" || name == "orthogonal", where,
                  fmt::format("init_lora_weights \"{}\", which changes the base,", name));
  }
}

// rank_pattern and alpha_pattern: the first entry that is the path's end, else `fallback`.
template <class T>
T pattern_value(const Json& json, const char* key, std::string_view path, T fallback,
                const std::string& where) {
  const auto patterns = json.find(key);
  if (patterns == json.end() || patterns->is_null()) return fallback;
  check(patterns->is_object(), "{}: expected {} to be an object", where, key);
  for (const auto& [pattern, value] : patterns->items()) {
    refuse_unless(pattern.find_first_of("^$*+?()[]{}|\\") == std::string::npos, where,
                  fmt::format("{} with a regular expression", key));
    const auto end = canonical_tensor_name(pattern);
    if (path == end || path.ends_with(fmt::format(".{}", end)))
      return json_field<T>(*patterns, pattern, fmt::format("{}: {}", where, key));
  }
  return fallback;
}

// The layer's path if the name ends so, else empty.
VISPLAY_INLINE std::string path_of(const std::string& name, std::string_view end) {
  return name.ends_with(end) ? name.substr(0, name.size() - end.size()) : std::string();
}

VISPLAY_INLINE at::Tensor float_tensor(const TensorEntry& entry) {
  auto tensor = at::empty(entry.shape, at::kFloat);
  copy_to_float(entry, {tensor.mutable_data_ptr<float>(), std::size_t(tensor.numel())});
  return tensor;
}

// A and B of every adapted layer of a file, in model order, checked against the model.
VISPLAY_INLINE Weights read_lora_tensors(const std::filesystem::path& file,
                                         const ModelConfig& config) {
  const auto stored = SafetensorsFile::open(file);
  std::map<std::string, const TensorEntry*> found;
  for (const auto& entry : stored.entries()) {
    const auto name = canonical_tensor_name(entry.name);
    check(found.emplace(name, &entry).second, "{}: two tensors mean {}", file.string(), name);
  }
  std::vector<NamedTensor> tensors;
  for (const auto& [path, shape] : linear_layers(config)) {
    const auto a = found.find(lora_a_name(path)), b = found.find(lora_b_name(path));
    if (a == found.end() && b == found.end()) continue;
    check(a != found.end() && b != found.end(), "{}: {} has one of lora_A and lora_B, not both",
          file.string(), path);
    const auto &in = a->second->shape, &out = b->second->shape;
    const bool fits = in.size() == 2 && out.size() == 2 && in[0] == out[1] && in[0] > 0 &&
                      in[1] == shape[1] && out[0] == shape[0];
    if (!fits)
      throw Error(fmt::format(
          "{}: {}: expected lora_A [r, {}] and lora_B [{}, r], got [{}] and [{}]", file.string(),
          path, shape[1], shape[0], fmt::join(in, ", "), fmt::join(out, ", ")));
    tensors.push_back({a->first, float_tensor(*a->second)});
    tensors.push_back({b->first, float_tensor(*b->second)});
    found.erase(a), found.erase(b);
  }
  check(found.empty(), "{}: {} of its tensors belong to no linear layer of this model, first {}",
        file.string(), found.size(), found.empty() ? "" : found.begin()->second->name);
  check(!tensors.empty(), "{}: there are no adapters in it", file.string());
  return Weights(std::move(tensors));
}

VISPLAY_INLINE std::filesystem::path lora_config_file(const std::filesystem::path& folder) {
  return folder / "adapter_config.json";
}

VISPLAY_INLINE OrderedJson number_json(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e9) return std::int64_t(value);
  return value;
}

// adapter_config.json. Layers whose rank or alpha differ from the settings stand in the patterns.
VISPLAY_INLINE OrderedJson peft_config(const Lora& adapter, const std::string& base) {
  const auto& settings = adapter.settings();
  OrderedJson targets = OrderedJson::array(), ranks = OrderedJson::object(),
              alphas = OrderedJson::object();
  for (const auto& [path, alpha] : adapter.alphas()) {
    const auto rank = adapter.find(path)->a.size(0);
    targets.push_back(peft_target(path));
    if (rank != settings.rank) ranks[peft_target(path)] = rank;
    if (alpha != settings.alpha) alphas[peft_target(path)] = number_json(alpha);
  }
  return {{"peft_type", "LORA"},
          {"task_type", "CAUSAL_LM"},
          {"base_model_name_or_path", base},
          {"inference_mode", true},
          {"r", settings.rank},
          {"lora_alpha", number_json(settings.alpha)},
          {"lora_dropout", 0.0},
          {"use_rslora", settings.rank_stabilised},
          {"bias", "none"},
          {"fan_in_fan_out", false},
          {"init_lora_weights", true},
          {"modules_to_save", nullptr},
          {"rank_pattern", std::move(ranks)},
          {"alpha_pattern", std::move(alphas)},
          {"target_modules", std::move(targets)}};
}

}  // namespace detail

VISPLAY_INLINE double LoraConfig::scale_of(std::int64_t rank_of_layer,
                                           double alpha_of_layer) const {
  const auto r = double(rank_of_layer);
  return alpha_of_layer / (rank_stabilised ? std::sqrt(r) : r);
}

VISPLAY_INLINE std::vector<std::string> lora_targets(const ModelConfig& config,
                                                     const std::vector<std::string>& patterns) {
  const auto layers = detail::linear_layers(config);
  std::set<std::string> named;
  for (const auto& pattern : patterns) {
    bool any = false;
    for (const auto& layer : layers)
      if (detail::names_path(pattern, layer.name)) any = true, named.insert(layer.name);
    check(any,
          "lora.targets: \"{}\" is no linear layer of this model; expected all-linear, names such "
          "as q_proj, or paths with *; visual. begins those of the vision tower",
          pattern);
  }
  std::vector<std::string> paths;
  for (const auto& layer : layers)
    if (named.contains(layer.name)) paths.push_back(layer.name);
  return paths;
}

VISPLAY_INLINE Lora::Lora(const ModelConfig& config, LoraConfig settings, const Rng& rng)
    : settings_(std::move(settings)) {
  check(settings_.rank > 0 && settings_.alpha > 0,
        "lora: expected rank and alpha above 0, got {} and {}", settings_.rank, settings_.alpha);
  const auto paths = lora_targets(config, settings_.targets);
  check(!paths.empty(), "lora.targets: expected at least one pattern, got none");
  std::vector<NamedTensor> tensors;
  for (const auto& [path, shape] : detail::linear_layers(config)) {
    if (std::ranges::find(paths, path) == paths.end()) continue;
    auto a = at::empty({settings_.rank, shape[1]}, at::kFloat);
    Rng draw = rng.fork(path);
    const double bound = 1 / std::sqrt(double(shape[1]));
    float* to = a.mutable_data_ptr<float>();
    for (std::int64_t i = 0; i < a.numel(); ++i) to[i] = float(bound * (2 * draw.uniform() - 1));
    tensors.push_back({detail::lora_a_name(path), std::move(a)});
    tensors.push_back(
        {detail::lora_b_name(path), at::zeros({shape[0], settings_.rank}, at::kFloat)});
    alphas_.emplace(path, settings_.alpha);
  }
  weights_ = Weights(std::move(tensors));
}

VISPLAY_INLINE Lora::Lora(LoraConfig settings, Weights weights,
                          std::map<std::string, double, std::less<>> alphas)
    : settings_(std::move(settings)), weights_(std::move(weights)), alphas_(std::move(alphas)) {}

VISPLAY_INLINE std::optional<LowRank> Lora::find(std::string_view path) const {
  const auto alpha = alphas_.find(path);
  if (alpha == alphas_.end()) return std::nullopt;
  const auto& a = weights_.at(detail::lora_a_name(path));
  return LowRank{a, weights_.at(detail::lora_b_name(path)),
                 settings_.scale_of(a.size(0), alpha->second)};
}

VISPLAY_INLINE bool Lora::adapts_vision() const {
  return std::ranges::any_of(alphas_,
                             [](const auto& entry) { return entry.first.starts_with("visual."); });
}

VISPLAY_INLINE Linear linear_at(const Weights& weights, const Lora* adapter,
                                const std::string& path) {
  return {weights.at(fmt::format("{}.weight", path)), weights.find(fmt::format("{}.bias", path)),
          adapter ? adapter->find(path) : std::nullopt};
}

VISPLAY_INLINE Weights merged(const Weights& base, const Lora& adapter) {
  const at::NoGradGuard no_gradients;
  std::vector<NamedTensor> tensors;
  constexpr std::string_view end = ".weight";
  for (const auto& [name, tensor] : base.all()) {
    const auto low = adapter.find(detail::path_of(name, end));
    tensors.push_back(
        {name,
         low ? (tensor.to(at::kFloat) + low->b.mm(low->a) * low->scale).to(tensor.scalar_type())
             : tensor.detach()});
  }
  return Weights(std::move(tensors));
}

VISPLAY_INLINE bool is_lora_folder(const std::filesystem::path& folder) {
  return std::filesystem::exists(detail::lora_config_file(folder)) &&
         !std::filesystem::exists(folder / "config.json");
}

VISPLAY_INLINE std::string lora_base(const std::filesystem::path& folder) {
  const auto file = detail::lora_config_file(folder);
  return json_field_or<std::string>(read_json_file(file, {.max_bytes = 1 << 20}),
                                    "base_model_name_or_path", file.string(), "");
}

VISPLAY_INLINE Lora load_lora(const std::filesystem::path& folder, const ModelConfig& config) {
  const auto file = detail::lora_config_file(folder);
  const auto where = file.string();
  const auto json = read_json_file(file, {.max_bytes = 1 << 20});
  detail::check_peft_config(json, where);
  LoraConfig settings;
  settings.rank = json_field<std::int64_t>(json, "r", where);
  settings.alpha = json_field<double>(json, "lora_alpha", where);
  settings.rank_stabilised = json_field_or<bool>(json, "use_rslora", where, false);
  check(settings.rank > 0 && settings.alpha > 0 && std::isfinite(settings.alpha),
        "{}: expected r and lora_alpha above 0, got {} and {}", where, settings.rank,
        settings.alpha);
  auto weights = detail::read_lora_tensors(folder / "adapter_model.safetensors", config);
  std::map<std::string, double, std::less<>> alphas;
  settings.targets.clear();
  for (const auto& [name, tensor] : weights.all()) {
    const auto path = detail::path_of(name, detail::lora_a_end);
    if (path.empty()) continue;
    const auto rank = detail::pattern_value(json, "rank_pattern", path, settings.rank, where);
    check(rank == tensor.size(0), "{}: {} has rank {}, the config says {}", folder.string(), path,
          tensor.size(0), rank);
    settings.targets.push_back(path);
    alphas[path] = detail::pattern_value(json, "alpha_pattern", path, settings.alpha, where);
  }
  return {std::move(settings), std::move(weights), std::move(alphas)};
}

VISPLAY_INLINE void save_lora(const Lora& adapter, const std::filesystem::path& folder,
                              const std::string& base, LoraSpelling spelling) {
  std::filesystem::create_directories(folder);
  std::vector<NamedTensor> renamed;
  for (const auto& [name, tensor] : adapter.weights().all()) {
    const auto runtime = detail::runtime_name(name, spelling);
    renamed.push_back({fmt::format("base_model.model.{}", runtime), tensor});
  }
  save_weights(Weights(std::move(renamed)), folder / "adapter_model.safetensors");
  replace_file(detail::lora_config_file(folder), detail::peft_config(adapter, base).dump(2) + "\n");
}

}  // namespace visplay
