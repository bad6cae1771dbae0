// Policy: a model that can be asked for log-probabilities, sampled from and trained.
//
//   auto policy = load_policy(folder);
//   const ModelBatch batch = policy.collate(samples);
//   const TokenLogProbs tokens = policy.log_probs(batch, temperature);   // [n] each
//
// A concept; QwenPolicy is the one that ships. Log-probs are over the whole vocabulary at the
// sampling temperature, in float32, of completion tokens only.
#pragma once

#include <visplay/model/qwen2_5_vl/model.hpp>
#include <visplay/model/qwen2_5_vl/save_model.hpp>
#include <visplay/policy/collate.hpp>
#include <visplay/tensor/linear_log_probs.hpp>

#include <concepts>
#include <filesystem>

namespace visplay {

template <class P>
concept Policy = requires(const P& policy, const ModelBatch& batch, const Prompt& prompt,
                          std::span<const SampleTokens> samples) {
  { policy.encode(prompt) } -> std::same_as<EncodedPrompt>;
  { policy.collate(samples) } -> std::same_as<ModelBatch>;
  { policy.log_probs(batch, 1.) } -> std::same_as<TokenLogProbs>;
  { policy.weights() } -> std::convertible_to<const Weights&>;
};

class QwenPolicy {
 public:
  QwenPolicy(std::shared_ptr<const ModelAssets> assets, Weights weights)
      : assets_(std::move(assets)),
        weights_(std::move(weights)),
        model_(assets_->config, weights_) {}

  /// A policy of equal weights with storage of its own, gradients off.
  [[nodiscard]] QwenPolicy clone() const { return {assets_, weights_.clone()}; }

  [[nodiscard]] EncodedPrompt encode(const Prompt& prompt) const {
    return encode_prompt(*assets_, prompt);
  }
  [[nodiscard]] ModelBatch collate(std::span<const SampleTokens> samples) const {
    return visplay::collate(*assets_, samples);
  }
  /// Of the batch's completion tokens, differentiable if the weights require gradients.
  [[nodiscard]] TokenLogProbs log_probs(const ModelBatch& batch, double temperature = 1) const {
    const auto rows = model_.hidden(batch).index_select(0, batch.predict_rows);
    return linear_log_probs(rows, model_.head(), batch.targets, temperature);
  }

  [[nodiscard]] const ModelAssets& assets() const { return *assets_; }
  [[nodiscard]] const std::shared_ptr<const ModelAssets>& shared_assets() const { return assets_; }
  [[nodiscard]] const Weights& weights() const { return weights_; }
  [[nodiscard]] Weights& weights() { return weights_; }
  [[nodiscard]] const Qwen2_5_VL& model() const { return model_; }

 private:
  std::shared_ptr<const ModelAssets> assets_;
  Weights weights_;
  Qwen2_5_VL model_;  // over weights_'s tensors, which it shares
};
static_assert(Policy<QwenPolicy>);

/// @throws Error if the folder is not a complete model
[[nodiscard]] inline QwenPolicy load_policy(const std::filesystem::path& folder) {
  auto assets = load_model_assets(folder);
  auto weights = load_weights(folder, assets->config);
  return {std::move(assets), std::move(weights)};
}

/// Writes a folder that transformers and vLLM load (save_model.hpp), as it was read but for the
/// weights. @param folder  appears whole or not at all; a folder of that name is replaced
inline void save_policy(const QwenPolicy& policy, const std::filesystem::path& folder,
                        const SaveOptions& options = {}) {
  save_model(folder, policy.weights(), policy.assets().folder, options);
}

}  // namespace visplay
