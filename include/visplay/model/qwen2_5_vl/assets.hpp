// ModelAssets: everything of a model folder but its weights.
#pragma once

#include <visplay/model/qwen2_5_vl/config.hpp>
#include <visplay/model/qwen2_5_vl/image_processor.hpp>
#include <visplay/text/chat_template.hpp>
#include <visplay/text/tokenizer.hpp>

#include <filesystem>
#include <memory>

namespace visplay {

struct ModelAssets {
  std::filesystem::path folder;  ///< where it was read; copied from when a model is saved
  ModelConfig config;
  Tokenizer tokenizer;
  ChatTemplate chat;
  ImageProcessor processor;
};

/// Reads config.json, tokenizer.json, the chat template and the processor's settings.
/// @throws Error if a file is missing or does not fit the others
[[nodiscard]] std::shared_ptr<const ModelAssets> load_model_assets(
    const std::filesystem::path& folder);

/// Copies the folder's files other than weights, byte for byte.
/// @param to  an existing folder
void copy_model_assets(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/model/qwen2_5_vl/assets.ipp>
#endif
