// Lora: low-rank adapters on linear layers of a base that stays as it is (Hu et al. 2021, 2106.09685).
//
//   y = W x + b + scale B (A x),   A [r, in], B [out, r], scale = alpha / r, or alpha / sqrt(r)
//
//   const Lora questioner(config, {.rank = 8}, rng.fork("questioner"));   // B = 0: equals the base
//   const Qwen2_5_VL model(config, base, &questioner);                    // any number over one base
//   save_lora(questioner, "run/questioner", "Qwen2.5-VL-3B-Instruct");    // PEFT loads the folder
//
// No dropout: a policy that is sampled and then trained has to be the same function twice.
#pragma once

#include <visplay/core/rng.hpp>
#include <visplay/model/linear.hpp>
#include <visplay/model/qwen2_5_vl/config.hpp>
#include <visplay/model/qwen2_5_vl/weights.hpp>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace visplay {

/// Settings of new adapters.
struct LoraConfig {
  std::int64_t rank = 8;         ///< r, at least 1
  double alpha = 16;             ///< above 0
  bool rank_stabilised = false;  ///< scale alpha / sqrt(r) (rsLoRA, 2312.03732)
  /// Which linear layers, see lora_targets().
  std::vector<std::string> targets{"all-linear"};

  [[nodiscard]] double scale_of(std::int64_t rank_of_layer, double alpha_of_layer) const;
};

/// Paths of the linear layers that patterns name, in model order ("model.layers.0.self_attn.q_proj").
/// "all-linear" is every one of the language model. Otherwise a pattern is a path or its end, cut at
/// a dot, in which * stands for any characters: "q_proj", "self_attn.*", "layers.1?.mlp.up_proj"
/// (? stands for one). Layers of the vision tower, which share names with the others, are found only
/// by patterns that begin with "visual.". Embedding and head are no targets.
/// @throws Error if a pattern finds nothing
[[nodiscard]] std::vector<std::string> lora_targets(const ModelConfig& config,
                                                    const std::vector<std::string>& patterns);

class Lora {
 public:
  /// New adapters: A uniform in +-1 / sqrt(in), B zero.
  /// @throws Error for a rank or alpha out of range or a pattern that finds nothing
  Lora(const ModelConfig& config, LoraConfig settings, const Rng& rng);
  /// @param weights  per path "PATH.lora_A.weight", "PATH.lora_B.weight", float32
  /// @param alphas   alpha of each path
  Lora(LoraConfig settings, Weights weights, std::map<std::string, double, std::less<>> alphas);

  /// The adapter of a linear layer, if it has one. Shares storage.
  [[nodiscard]] std::optional<LowRank> find(std::string_view path) const;

  [[nodiscard]] const LoraConfig& settings() const { return settings_; }
  [[nodiscard]] Weights& weights() { return weights_; }
  [[nodiscard]] const Weights& weights() const { return weights_; }
  /// Path of each adapted layer and its alpha.
  [[nodiscard]] const std::map<std::string, double, std::less<>>& alphas() const { return alphas_; }
  /// True if a layer of the vision tower is adapted.
  [[nodiscard]] bool adapts_vision() const;
  /// Equal adapters with storage of their own, without gradients.
  [[nodiscard]] Lora clone() const { return {settings_, weights_.clone(), alphas_}; }

 private:
  LoraConfig settings_;
  Weights weights_;
  std::map<std::string, double, std::less<>> alphas_;
};

/// The linear layer at a path, with its adapter if there is one. Shares storage.
[[nodiscard]] Linear linear_at(const Weights& weights, const Lora* adapter,
                               const std::string& path);

/// W + scale B A in place of W for every adapted layer, computed in float32 and rounded once to the
/// type of W. The base is not written: dropping the result unmerges, to the bit. Layers without an
/// adapter share the base's storage.
[[nodiscard]] Weights merged(const Weights& base, const Lora& adapter);

/// True if the folder holds an adapter (adapter_config.json) and not a whole model.
[[nodiscard]] bool is_lora_folder(const std::filesystem::path& folder);

/// What adapter_config.json says about the base model: a folder or a hub name; may be empty.
[[nodiscard]] std::string lora_base(const std::filesystem::path& folder);

/// Reads a PEFT folder: adapter_config.json and adapter_model.safetensors, keys in either runtime
/// spelling (`base_model.model.model.layers...`, `base_model.model.model.language_model.layers...`).
/// @throws Error if it is for another model or uses what is not built (DoRA, biases, saved modules,
///         patterns that are regular expressions, initialisations that change the base)
[[nodiscard]] Lora load_lora(const std::filesystem::path& folder, const ModelConfig& config);

/// How transformers names the language model's layers inside the model.
enum class LoraSpelling {
  current,  ///< model.language_model.layers, from 4.52 on
  legacy    ///< model.layers, before
};

/// Writes a PEFT folder, float32, made if absent. @param base  goes to base_model_name_or_path
void save_lora(const Lora& adapter, const std::filesystem::path& folder, const std::string& base,
               LoraSpelling spelling = LoraSpelling::current);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/model/lora.ipp>
#endif
