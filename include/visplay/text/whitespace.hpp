// White space and case, as Python's str.split and str.strip see white space (Unicode), in UTF-8.
// Case is that of ASCII letters only.
#pragma once

#include <string_view>

namespace visplay {

/// Bytes of the white-space character that text starts with; 0 if it starts with none.
constexpr std::size_t leading_space(std::string_view text) {
  if (text.empty()) return 0;
  const char first = text[0];
  if (first == ' ' || ('\t' <= first && first <= '\r') || ('\x1c' <= first && first <= '\x1f'))
    return 1;
  if (first != '\xc2' && (first < '\xe1' || '\xe3' < first)) return 0;
  if (first == '\xc2') return text.size() > 1 && (text[1] == '\x85' || text[1] == '\xa0') ? 2 : 0;
  if (text.starts_with("\u1680") || text.starts_with("\u205f") || text.starts_with("\u3000"))
    return 3;
  if (text.size() < 3 || !text.starts_with("\xe2\x80")) return 0;
  const auto last = static_cast<unsigned char>(text[2]);  // U+2000 + (last - 0x80)
  const bool space = (0x80 <= last && last <= 0x8a) || last == 0xa8 || last == 0xa9 || last == 0xaf;
  return space ? 3 : 0;
}

/// Bytes of the white-space character that text ends with; 0 if it ends with none.
constexpr std::size_t trailing_space(std::string_view text) {
  for (std::size_t bytes = 1; bytes <= 3 && bytes <= text.size(); ++bytes)
    if (leading_space(text.substr(text.size() - bytes)) == bytes) return bytes;
  return 0;
}

/// Without white space at both ends; a view into text.
constexpr std::string_view trim(std::string_view text) {
  while (const std::size_t bytes = leading_space(text)) text.remove_prefix(bytes);
  while (const std::size_t bytes = trailing_space(text)) text.remove_suffix(bytes);
  return text;
}

constexpr char to_lower(char c) { return 'A' <= c && c <= 'Z' ? char(c + ('a' - 'A')) : c; }

/// Takes the first word off text and returns it; empty at the end.
constexpr std::string_view take_word(std::string_view& text) {
  while (const std::size_t bytes = leading_space(text)) text.remove_prefix(bytes);
  std::size_t end = 0;
  while (end < text.size() && !leading_space(text.substr(end))) ++end;
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

}  // namespace visplay
