// The terminal as the environment wants it: NO_COLOR, TERM=dumb, and whether the locale is UTF-8.
#pragma once

#include <visplay/report/terminal.hpp>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace visplay {

[[nodiscard]] inline TerminalStyle screen_style(std::FILE* out) {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string_view(value ? value : "");
  };
  TerminalStyle style = terminal_style(out);
  if (variable("TERM") == "dumb") style.live = style.color = false;
  if (!variable("NO_COLOR").empty()) style.color = false;
  // The first of these that is set decides, as in setlocale(3).
  std::string_view locale;
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
    if (locale.empty()) locale = variable(name);
  const bool utf8 = locale.find("UTF-8") != locale.npos || locale.find("utf8") != locale.npos;
  style.unicode = style.live && utf8;
  return style;
}

}  // namespace visplay
