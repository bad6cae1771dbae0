// Prompt: what a policy is asked. One system turn, one user turn: images in order, then the text.
#pragma once

#include <visplay/data/image.hpp>

#include <optional>
#include <string>
#include <vector>

namespace visplay {

struct Prompt {
  std::optional<std::string> system{};  ///< none: the chat template's default
  std::vector<ImagePtr> images{};
  std::string text{};  ///< plain text: never yields special tokens
};

}  // namespace visplay
