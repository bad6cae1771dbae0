// RolloutGroup: the completions of one prompt, in the order they were drawn.
#pragma once

#include <visplay/data/completion.hpp>
#include <visplay/data/prompt.hpp>

#include <vector>

namespace visplay {

struct RolloutGroup {
  Prompt prompt{};
  std::vector<Completion> completions{};
};

}  // namespace visplay
