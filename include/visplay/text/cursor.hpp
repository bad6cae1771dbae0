// What readers of short notations share: a view whose front is taken off piece by piece.
#pragma once

#include <cstddef>
#include <string_view>

namespace visplay::detail {

constexpr bool is_digit(char c) { return '0' <= c && c <= '9'; }
constexpr bool is_letter(char c) { return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z'); }

/// Digits that text starts with.
constexpr std::size_t count_digits(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size() && is_digit(text[n])) ++n;
  return n;
}

/// ASCII letters that text starts with.
constexpr std::size_t count_letters(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size() && is_letter(text[n])) ++n;
  return n;
}

/// Takes piece off the front of text if it stands there.
constexpr bool take_piece(std::string_view& text, std::string_view piece) {
  if (!text.starts_with(piece)) return false;
  text.remove_prefix(piece.size());
  return true;
}

constexpr void skip_blanks(std::string_view& text) {
  while (!text.empty() && text[0] == ' ') text.remove_prefix(1);
}

/// Where the brace that text starts with is closed; npos if it is not. \{ and \} do not count.
constexpr std::size_t closing_brace(std::string_view text) {
  int depth = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\\' && at + 1 < text.size() && !is_letter(text[at + 1]))
      ++at;
    else if (text[at] == '{')
      ++depth;
    else if (text[at] == '}' && --depth == 0)
      return at;
  }
  return std::string_view::npos;
}

}  // namespace visplay::detail
