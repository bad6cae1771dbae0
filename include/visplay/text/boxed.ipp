// Matching braces with a stack of the open ones.
#pragma once

#include <visplay/text/boxed.hpp>

#include <vector>

namespace visplay {

VISPLAY_INLINE std::optional<std::string_view> boxed(std::string_view text) {
  constexpr std::string_view opening = "\\boxed{";
  struct Brace {
    std::size_t content;  // where it starts
    bool boxes;
  };
  std::vector<Brace> open;
  std::optional<std::string_view> last;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '{') {
      open.push_back({at + 1, text.substr(0, at + 1).ends_with(opening)});
    } else if (text[at] == '}' && !open.empty()) {
      const Brace brace = open.back();
      open.pop_back();
      if (brace.boxes && (!last || last->data() < text.data() + brace.content))
        last = text.substr(brace.content, at - brace.content);
    }
  }
  return last;
}

}  // namespace visplay
