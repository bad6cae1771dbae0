// collate(): prompts and completions to one ModelBatch.
//
// Consecutive samples that show the same images become one tree: what their prompts have in common
// (system turn, images, often the whole prompt) is encoded once, the rest of the prompt and the
// completion are a branch. Works for a group of completions of one prompt and for several questions
// about one picture alike.
#pragma once

#include <visplay/data/prompt.hpp>
#include <visplay/model/model_batch.hpp>
#include <visplay/model/qwen2_5_vl/assets.hpp>
#include <visplay/model/qwen2_5_vl/positions.hpp>

#include <functional>
#include <span>
#include <vector>

namespace visplay {

/// A prompt as the model reads it.
struct EncodedPrompt {
  std::vector<ImagePtr> images;
  std::vector<ImageGrid> grids;     ///< one per image
  std::vector<std::int64_t> ids;    ///< [L], image tokens expanded
  MropePositions positions;         ///< [3, L]
  std::int64_t shareable_from = 0;  ///< a common prefix ends here or later: behind the last image
};

/// @throws Error if an image cannot be processed
[[nodiscard]] EncodedPrompt encode_prompt(const ModelAssets& assets, const Prompt& prompt);

/// One sample: a prompt and the tokens that follow it. Both must outlive the call.
struct SampleTokens {
  const EncodedPrompt* prompt = nullptr;
  std::span<const std::int64_t> completion{};  ///< empty: the prompt alone
};

/// Features of images that are known without a gradient: [rows, D], images in order.
using KnownFeatures = std::function<at::Tensor(std::span<const ImagePtr>)>;

/// Completions keep their order: completion c of the batch is samples[c].
/// @param features  given: asked instead of cutting the distinct images into patches
/// @throws Error if samples is empty
[[nodiscard]] ModelBatch collate(const ModelAssets& assets, std::span<const SampleTokens> samples,
                                 const KnownFeatures& features = {});

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/policy/collate.ipp>
#endif
