// The normal form of a short answer.
#pragma once

#include <visplay/text/normalize.hpp>
#include <visplay/text/whitespace.hpp>

namespace visplay {

VISPLAY_INLINE std::string normalize(std::string_view answer) {
  std::string_view core = trim(answer);
  while (core.ends_with('.')) core = trim(core.substr(0, core.size() - 1));
  if (core.empty()) core = trim(answer);
  std::string normal;
  normal.reserve(core.size());
  for (std::string_view word; !(word = take_word(core)).empty();) {
    if (!normal.empty()) normal += ' ';
    for (const char c : word) normal += to_lower(c);
  }
  return normal;
}

}  // namespace visplay
