// Bodies of save_model.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/io/durable_file.hpp>
#include <visplay/io/safetensors_index.hpp>
#include <visplay/model/qwen2_5_vl/assets.hpp>
#include <visplay/model/qwen2_5_vl/save_model.hpp>

#include <fmt/format.h>

namespace visplay {
namespace detail {

VISPLAY_INLINE void keep_other_files(const std::filesystem::path& old,
                                     const std::filesystem::path& made) {
  if (!std::filesystem::is_directory(old)) return;
  for (const auto& entry : std::filesystem::directory_iterator(old)) {
    const auto name = entry.path().filename();
    const bool weights = name.extension() == ".safetensors" || name == shard_index_name;
    if (weights || std::filesystem::exists(made / name)) continue;
    std::filesystem::copy(
        entry.path(), made / name,
        std::filesystem::copy_options::recursive | std::filesystem::copy_options::copy_symlinks);
  }
}

VISPLAY_INLINE void write_text(const std::filesystem::path& path, std::string_view text,
                               bool sync) {
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(text)));
  file.commit(sync);
}

}  // namespace detail

VISPLAY_INLINE std::string model_card(const ModelConfig& config) {
  return fmt::format(
      "---\n"
      "library_name: transformers\n"
      "pipeline_tag: image-text-to-text\n"
      "tags:\n- visplay\n- qwen2_5_vl\n"
      "---\n\n"
      "# A vision-language model trained with visplay\n\n"
      "Architecture `Qwen2_5_VLForConditionalGeneration`: {} parameters, {} text layers of width "
      "{}, {} vision blocks of width {}.\n\n"
      "```python\n"
      "from transformers import AutoModelForImageTextToText, AutoProcessor\n"
      "model = AutoModelForImageTextToText.from_pretrained(\"this folder\")\n"
      "processor = AutoProcessor.from_pretrained(\"this folder\")\n"
      "```\n",
      parameter_count(config), config.text.num_layers, config.text.hidden_size, config.vision.depth,
      config.vision.hidden_size);
}

VISPLAY_INLINE void save_model(const std::filesystem::path& folder, const Weights& weights,
                               const std::filesystem::path& source, const SaveOptions& options) {
  replace_folder(folder, options.sync, [&](const std::filesystem::path& aside) {
    SaveOptions inside = options;
    inside.sync = false;  // the folder is synced as a whole
    copy_model_assets(source, aside);
    const ModelConfig config = load_model_config(aside);
    const auto type = options.dtype.value_or(weights.all().front().tensor.scalar_type());
    const std::string text =
        config_json_beside_weights(config.source, type == at::kBFloat16 ? DType::bf16 : DType::f32,
                                   weights.find("lm_head.weight").defined());
    if (text != config.source) detail::write_text(aside / "config.json", text, false);
    if (!std::filesystem::exists(aside / "README.md"))
      detail::write_text(aside / "README.md", model_card(config), false);
    save_weight_files(weights, aside, inside);
    detail::keep_other_files(folder, aside);
  });
}

}  // namespace visplay
