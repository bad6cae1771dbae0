// save_model: a folder that transformers, vLLM, SGLang and llama.cpp's converter load.
//
//   save_model("out", weights, "Qwen2.5-VL-3B-Instruct", {.dtype = at::kBFloat16});
//
// Hub names, shards with an index above the limit, every other file of the source byte for byte; in
// config.json only what the weights contradict is changed. The folder appears whole or not at all.
#pragma once

#include <visplay/model/qwen2_5_vl/config.hpp>
#include <visplay/model/qwen2_5_vl/weights.hpp>

#include <filesystem>
#include <string>

namespace visplay {

/// A folder of that name is replaced: its weights go, other files that the source lacks are kept.
/// @param source  the model folder that config, tokenizer and processor files come from; may be
///                `folder` itself
/// @throws Error naming the file and the reason; the old folder is then as it was
void save_model(const std::filesystem::path& folder, const Weights& weights,
                const std::filesystem::path& source, const SaveOptions& options = {});

/// README.md with the front matter that the hub reads.
[[nodiscard]] std::string model_card(const ModelConfig& config);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/model/qwen2_5_vl/save_model.ipp>
#endif
