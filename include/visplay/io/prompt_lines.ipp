// Bodies of prompt_lines.hpp.
#pragma once

#include <visplay/io/json_lines.hpp>
#include <visplay/io/prompt_lines.hpp>

#include <system_error>
#include <utility>

namespace visplay {
namespace detail {

VISPLAY_INLINE std::vector<std::string> image_names(const Json& line, const std::string& where) {
  check(!line.contains("image") || !line.contains("images"),
        "{}: expected 'image' or 'images', got both", where);
  if (line.contains("image")) return {json_field<std::string>(line, "image", where)};
  std::vector<std::string> names;
  if (!line.contains("images")) return names;
  check(line["images"].is_array(), "{}: expected 'images' to be a list, got {}", where,
        line["images"].type_name());
  for (const Json& name : line["images"]) {
    check(name.is_string(), "{}: expected file names in 'images', got {}", where, name.type_name());
    names.push_back(name.get<std::string>());
  }
  return names;
}

}  // namespace detail

VISPLAY_INLINE std::vector<PromptLine> read_prompt_lines(const std::filesystem::path& file) {
  std::vector<PromptLine> lines;
  for_each_json_line(file, [&](const Json& json, const std::string& where) {
    PromptLine line{.prompt = json_field<std::string>(json, "prompt", where),
                    .completion = json_field<std::string>(json, "completion", where),
                    .source = json};
    if (json.contains("system") && !json["system"].is_null())
      line.system = json_field<std::string>(json, "system", where);
    for (const std::string& name : detail::image_names(json, where)) {
      line.images.push_back(file.parent_path() / name);
      std::error_code ignored;
      check(std::filesystem::is_regular_file(line.images.back(), ignored),
            "{}: there is no picture {}", where, line.images.back().string());
    }
    lines.push_back(std::move(line));
  });
  return lines;
}

VISPLAY_INLINE Prompt PromptLoader::operator()(const PromptLine& line) {
  Prompt prompt{.system = line.system, .text = line.prompt};
  for (const auto& path : line.images) {
    auto& known = images_[path];
    auto image = known.lock();
    if (!image) known = image = std::make_shared<const Image>(read_image(path));
    prompt.images.push_back(std::move(image));
  }
  return prompt;
}

}  // namespace visplay
