// Bodies of policy.hpp.
#pragma once

#include <visplay/policy/policy.hpp>

namespace visplay {

VISPLAY_INLINE QwenPolicy::QwenPolicy(std::shared_ptr<const ModelAssets> assets, Weights weights,
                                      std::optional<Lora> adapter, PolicyOptions options,
                                      std::shared_ptr<FeatureCache> features)
    : assets_(std::move(assets)),
      weights_(std::move(weights)),
      adapter_(std::move(adapter)),
      options_(options),
      features_(std::move(features)),
      model_(assets_->config, weights_, adapter_ ? &*adapter_ : nullptr,
             options.gradient_checkpointing) {
  const bool adapts_vision = adapter_ && adapter_->adapts_vision();
  check(!options.freeze_vision || !adapts_vision,
        "policy: the adapter changes the vision tower, which freeze_vision leaves as it is");
  if (adapts_vision || options.feature_cache_bytes == 0)
    features_.reset();
  else if (!features_ && (options.freeze_vision || adapter_))
    features_ = std::make_shared<FeatureCache>(options.feature_cache_bytes);
}

VISPLAY_INLINE ModelBatch QwenPolicy::collate(std::span<const SampleTokens> samples) const {
  if (!features_) return visplay::collate(*assets_, samples);
  return visplay::collate(*assets_, samples,
                          [this](std::span<const ImagePtr> images) { return features_of(images); });
}

// One picture a pass: its features then do not depend, in rounding, on what was asked for beside it.
VISPLAY_INLINE at::Tensor QwenPolicy::features_of(std::span<const ImagePtr> images) const {
  const at::NoGradGuard no_gradients;
  std::vector<at::Tensor> features;
  for (const auto& image : images)
    features.push_back(features_->get(*image, [&] {
      const auto made = assets_->processor({&image, 1});
      const auto pixels = to_tensor(made.pixel_values).view({-1, assets_->processor.patch_dim()});
      return model_.vision()(pixels, made.grid_thw);
    }));
  return at::cat(features);
}

VISPLAY_INLINE QwenPolicy load_policy(const std::filesystem::path& folder, at::ScalarType type) {
  if (!is_lora_folder(folder)) {
    auto assets = load_model_assets(folder);
    auto weights = load_weights(folder, assets->config, type);
    return {std::move(assets), std::move(weights)};
  }
  const auto base = lora_base(folder);
  check(std::filesystem::is_directory(base),
        "{}: an adapter whose base \"{}\" is no folder here; give the base as the model and this "
        "folder as the adapter",
        folder.string(), base);
  const auto policy = load_policy(base, type);
  return policy.with_adapter(load_lora(folder, policy.assets().config));
}

VISPLAY_INLINE void save_policy(const QwenPolicy& policy, const std::filesystem::path& folder,
                                const SaveOptions& options) {
  const auto& source = policy.assets().folder;
  if (policy.adapter())
    return save_lora(*policy.adapter(), folder, std::filesystem::absolute(source).string());
  save_model(folder, policy.weights(), source, options);
}

VISPLAY_INLINE void restore_policy(QwenPolicy& policy, const std::filesystem::path& folder) {
  const auto& config = policy.assets().config;
  policy.trainable().assign(policy.adapter() ? load_lora(folder, config).weights()
                                             : load_weights(folder, config));
}

}  // namespace visplay
