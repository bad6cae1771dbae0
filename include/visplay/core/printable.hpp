// printable: text of a file that we do not trust, fit for one line of a message.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace visplay {

/// At most `limit` bytes of UTF-8, cut between characters and then marked "..."; control characters
/// become '?'.
[[nodiscard]] inline std::string printable(std::string_view text, std::size_t limit = 80) {
  std::size_t end = text.size();
  if (end > limit)
    for (end = limit; end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80;) --end;
  std::string out(text.substr(0, end));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return end < text.size() ? out + "..." : out;
}

}  // namespace visplay
