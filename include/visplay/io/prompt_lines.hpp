// Prompt lines: JSONL with a prompt, its pictures and, for scoring and supervised fine-tuning, the
// completion.
//
//   {"image": "cat.png", "prompt": "What is this?", "completion": "A cat.<|im_end|>"}
//   {"images": ["a.png", "b.png"], "system": "Be brief.", "prompt": "Compare.", "completion": "..."}
//
// `image` or `images` (relative to the file, or absolute) or neither; `system` is optional; other
// fields are ignored.
#pragma once

#include <visplay/data/prompt.hpp>
#include <visplay/io/image_codec.hpp>
#include <visplay/io/json.hpp>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace visplay {

struct PromptLine {
  std::vector<std::filesystem::path> images{};
  std::optional<std::string> system{};
  std::string prompt{};
  std::string completion{};
  Json source{};  ///< the line as it was read
};

/// Every line in order; pictures are looked for but not read.
/// @throws Error, with file and line, if a field is missing or of the wrong kind, or a picture is
///         not there
[[nodiscard]] std::vector<PromptLine> read_prompt_lines(const std::filesystem::path& file);

/// Prompts of lines. A picture that is still in use is not read again, so that lines about the same
/// file share one image.
class PromptLoader {
 public:
  /// @throws Error as read_image
  [[nodiscard]] Prompt operator()(const PromptLine& line);

 private:
  std::map<std::filesystem::path, std::weak_ptr<const Image>> images_;
};

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/io/prompt_lines.ipp>
#endif
