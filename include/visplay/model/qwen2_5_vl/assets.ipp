// Bodies of assets.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/macros.hpp>
#include <visplay/io/chat_template_file.hpp>
#include <visplay/io/tokenizer_json.hpp>
#include <visplay/model/qwen2_5_vl/assets.hpp>

#include <system_error>

namespace visplay {

VISPLAY_INLINE std::shared_ptr<const ModelAssets> load_model_assets(
    const std::filesystem::path& folder) {
  check(std::filesystem::is_directory(folder), "{}: expected a model folder with config.json",
        folder.string());
  auto config = load_model_config(folder);
  Tokenizer tokenizer(read_tokenizer_json(folder / "tokenizer.json"));
  check(tokenizer.size() <= config.text.vocab_size,
        "{}: tokenizer.json has ids up to {}, but the embedding only {} rows", folder.string(),
        tokenizer.size() - 1, config.text.vocab_size);
  check(tokenizer.id_of("<|image_pad|>") == config.tokens.image,
        "{}: <|image_pad|> is {} in tokenizer.json, but image_token_id is {}", folder.string(),
        tokenizer.id_of("<|image_pad|>"), config.tokens.image);
  auto processor = load_image_processor_config(folder);
  check(processor.patch_size == config.vision.patch_size &&
            processor.merge_size == config.vision.spatial_merge_size &&
            processor.temporal_patch_size == config.vision.temporal_patch_size,
        "{}: the image processor's patch, merge or temporal size differs from config.json",
        folder.string());
  return std::make_shared<const ModelAssets>(
      ModelAssets{folder, std::move(config), std::move(tokenizer), read_chat_template(folder),
                  ImageProcessor(processor)});
}

VISPLAY_INLINE void copy_model_assets(const std::filesystem::path& from,
                                      const std::filesystem::path& to) {
  if (std::filesystem::equivalent(from, to)) return;
  for (const auto& file : std::filesystem::directory_iterator(from)) {
    const auto name = file.path().filename().string();
    const bool text = name.ends_with(".json") || name.ends_with(".jinja") ||
                      name.ends_with(".txt") || name.ends_with(".md");
    if (!file.is_regular_file() || !text || name == "model.safetensors.index.json") continue;
    std::error_code failed;
    std::filesystem::copy_file(file.path(), to / name,
                               std::filesystem::copy_options::overwrite_existing, failed);
    check(!failed, "{}: cannot copy it to {}: {}", file.path().string(), to.string(),
          failed.message());
  }
}

}  // namespace visplay
