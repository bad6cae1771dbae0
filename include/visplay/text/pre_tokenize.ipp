// Bodies of pre_tokenize.hpp.
#pragma once

#include <visplay/text/pre_tokenize.hpp>
#include <visplay/text/unicode.hpp>

namespace visplay {
namespace detail {

enum class CharacterClass { letter, number, line_end, blank, symbol, end };

struct ClassedCharacter {
  CharacterClass kind;
  std::size_t size;  ///< bytes; 0 at the end
};

VISPLAY_INLINE ClassedCharacter classed(std::string_view text, std::size_t at) {
  if (at >= text.size()) return {CharacterClass::end, 0};
  const CodePoint c = decode_utf8(text, at);
  if (c.value == '\r' || c.value == '\n') return {CharacterClass::line_end, c.size};
  if (is_letter(c.value)) return {CharacterClass::letter, c.size};
  if (is_number(c.value)) return {CharacterClass::number, c.size};
  return {is_space(c.value) ? CharacterClass::blank : CharacterClass::symbol, c.size};
}

/// First position at or after `at` whose class is another.
VISPLAY_INLINE std::size_t skip(std::string_view text, std::size_t at, CharacterClass kind) {
  for (auto c = classed(text, at); c.kind == kind; c = classed(text, at)) at += c.size;
  return at;
}

/// Bytes of 's 't 're 've 'm 'll 'd in any case at `at`, or 0. Case folding makes U+017F an s.
VISPLAY_INLINE std::size_t contraction_size(std::string_view text, std::size_t at) {
  const auto letter = [&](std::size_t i) {
    return at + i < text.size() ? char(static_cast<unsigned char>(text[at + i]) | 0x20) : '\0';
  };
  if (text[at] != '\'') return 0;
  const char a = letter(1), b = letter(2);
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
  if ((b == 'e' && (a == 'r' || a == 'v')) || (a == 'l' && b == 'l')) return 3;
  return text.substr(at + 1, 2) == "\u017F" ? 3 : 0;
}

/// White space: to its last line end if it has one, else all but the blank before a word.
VISPLAY_INLINE std::size_t space_size(std::string_view text, std::size_t at) {
  std::size_t end = at, last_start = at, after_line_end = at;
  for (auto c = classed(text, at);
       c.kind == CharacterClass::blank || c.kind == CharacterClass::line_end;
       c = classed(text, end)) {
    last_start = end;
    end += c.size;
    if (c.kind == CharacterClass::line_end) after_line_end = end;
  }
  if (after_line_end > at) return after_line_end - at;
  return (end == text.size() || last_start == at ? end : last_start) - at;
}

}  // namespace detail

VISPLAY_INLINE std::size_t piece_size(std::string_view text, std::size_t at) {
  using detail::CharacterClass;
  if (const std::size_t size = detail::contraction_size(text, at)) return size;
  const auto first = detail::classed(text, at);
  const auto second = detail::classed(text, at + first.size);
  const bool opens = first.kind == CharacterClass::blank || first.kind == CharacterClass::symbol;
  if (first.kind == CharacterClass::letter || (opens && second.kind == CharacterClass::letter))
    return detail::skip(text, at + first.size, CharacterClass::letter) - at;
  if (first.kind == CharacterClass::number) return first.size;
  if (first.kind == CharacterClass::symbol ||
      (text[at] == ' ' && second.kind == CharacterClass::symbol)) {
    const auto end = detail::skip(text, at + first.size, CharacterClass::symbol);
    return detail::skip(text, end, CharacterClass::line_end) - at;
  }
  return detail::space_size(text, at);
}

VISPLAY_INLINE std::vector<std::string_view> pre_tokenize(std::string_view text) {
  std::vector<std::string_view> pieces;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = piece_size(text, at);
    pieces.push_back(text.substr(at, size));
    at += size;
  }
  return pieces;
}

}  // namespace visplay
