// Policy: a model that can be asked for log-probabilities, sampled from and trained.
//
//   auto policy = load_policy(folder);
//   const ModelBatch batch = policy.collate(samples);
//   const TokenLogProbs tokens = policy.log_probs(batch, temperature);   // [n] each
//
// A concept; QwenPolicy is the one that ships. Log-probs are over the whole vocabulary at the
// sampling temperature, in float32, of completion tokens only.
//
// Roles over one base: a policy may have an adapter, and policies with different adapters, or none,
// share the base's weights. Choosing one copies handles, not weights:
//
//   auto questioner = base.with_adapter(Lora(config, {.rank = 8}, rng.fork("questioner")));
//   auto reasoner = base.with_adapter(Lora(config, {.rank = 8}, rng.fork("reasoner")));
//   const auto reference = questioner.with_adapter({});   // the adapter is off: the base
#pragma once

#include <visplay/model/qwen2_5_vl/model.hpp>
#include <visplay/model/qwen2_5_vl/save_model.hpp>
#include <visplay/policy/collate.hpp>
#include <visplay/policy/feature_cache.hpp>
#include <visplay/tensor/linear_log_probs.hpp>

#include <concepts>
#include <filesystem>
#include <memory>
#include <optional>

namespace visplay {

template <class P>
concept Policy = requires(const P& policy, const ModelBatch& batch, const Prompt& prompt,
                          std::span<const SampleTokens> samples) {
  { policy.encode(prompt) } -> std::same_as<EncodedPrompt>;
  { policy.collate(samples) } -> std::same_as<ModelBatch>;
  { policy.log_probs(batch, 1.) } -> std::same_as<TokenLogProbs>;
  { policy.weights() } -> std::convertible_to<const Weights&>;
};

/// How a policy computes.
struct PolicyOptions {
  /// Keep only the input of each layer for the backward pass and run it again there.
  bool gradient_checkpointing = false;
  /// The vision tower does not train. So it is also with an adapter that leaves the tower alone.
  bool freeze_vision = false;
  /// Features of pictures kept while the tower is frozen, bytes; 0: none.
  std::int64_t feature_cache_bytes = 0;
};

class QwenPolicy {
 public:
  /// @throws Error if the options freeze a tower that the adapter adapts
  QwenPolicy(std::shared_ptr<const ModelAssets> assets, Weights weights,
             std::optional<Lora> adapter = {}, PolicyOptions options = {},
             std::shared_ptr<FeatureCache> features = {});

  /// The same base with another adapter or none. Shares the base and the kept features.
  [[nodiscard]] QwenPolicy with_adapter(std::optional<Lora> adapter) const {
    return {assets_, weights_, std::move(adapter), options_, features_};
  }
  /// The same weights and adapter, computed in another way. Kept features are not taken over.
  [[nodiscard]] QwenPolicy with_options(PolicyOptions options) const {
    return {assets_, weights_, adapter_, options};
  }
  /// A policy of equal values: what it trains has storage of its own, gradients off. The base below
  /// an adapter is shared.
  [[nodiscard]] QwenPolicy clone() const {
    if (adapter_) return with_adapter(adapter_->clone());
    return {assets_, weights_.clone(), {}, options_, features_};
  }

  [[nodiscard]] EncodedPrompt encode(const Prompt& prompt) const {
    return encode_prompt(*assets_, prompt);
  }
  [[nodiscard]] ModelBatch collate(std::span<const SampleTokens> samples) const;
  /// Of the batch's completion tokens, differentiable if the weights require gradients.
  [[nodiscard]] TokenLogProbs log_probs(const ModelBatch& batch, double temperature = 1) const {
    const auto rows = model_.hidden(batch).index_select(0, batch.predict_rows);
    return linear_log_probs(rows, model_.head(), batch.targets, temperature);
  }

  [[nodiscard]] const ModelAssets& assets() const { return *assets_; }
  [[nodiscard]] const std::shared_ptr<const ModelAssets>& shared_assets() const { return assets_; }
  /// Of the model, without the adapter.
  [[nodiscard]] const Weights& weights() const { return weights_; }
  [[nodiscard]] Weights& weights() { return weights_; }
  [[nodiscard]] const std::optional<Lora>& adapter() const { return adapter_; }
  /// What an optimizer may change: the adapter's weights, or all of the model where there is none,
  /// as far as trains() accepts their names.
  [[nodiscard]] Weights& trainable() { return adapter_ ? adapter_->weights() : weights_; }
  [[nodiscard]] const Weights& trainable() const {
    return adapter_ ? adapter_->weights() : weights_;
  }
  [[nodiscard]] bool trains(std::string_view name) const {
    return adapter_ || !options_.freeze_vision || !name.starts_with("visual.");
  }
  [[nodiscard]] const PolicyOptions& options() const { return options_; }
  [[nodiscard]] const FeatureCache* features() const { return features_.get(); }  ///< may be null
  [[nodiscard]] const Qwen2_5_VL& model() const { return model_; }

 private:
  [[nodiscard]] at::Tensor features_of(std::span<const ImagePtr> images) const;

  std::shared_ptr<const ModelAssets> assets_;
  Weights weights_;
  std::optional<Lora> adapter_;
  PolicyOptions options_;
  std::shared_ptr<FeatureCache> features_;
  Qwen2_5_VL model_;  // over the tensors of weights_ and adapter_, which it shares
};
static_assert(Policy<QwenPolicy>);

/// Reads a model folder, or a PEFT folder and the base that its adapter_config.json names: a folder,
/// absolute or seen from here.
/// @param type  of the model's weights and activations: float32 or bfloat16. Adapters are float32
/// @throws Error if the folder is not a complete model or adapter
[[nodiscard]] QwenPolicy load_policy(const std::filesystem::path& folder,
                                     at::ScalarType type = at::kFloat);

/// Without an adapter: a folder that transformers and vLLM load (save_model.hpp), as it was read but
/// for the weights. With one: a PEFT folder that names that folder as its base.
/// @param folder  of a model: appears whole or not at all, one of that name is replaced
void save_policy(const QwenPolicy& policy, const std::filesystem::path& folder,
                 const SaveOptions& options = {});

/// Copies what the policy trains from a folder that save_policy wrote for one like it.
/// @throws Error if names or shapes differ
void restore_policy(QwenPolicy& policy, const std::filesystem::path& folder);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/policy/policy.ipp>
#endif
