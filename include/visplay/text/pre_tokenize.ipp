// Bodies of pre_tokenize.hpp.
#pragma once

#include <visplay/text/pre_tokenize.hpp>
#include <visplay/text/unicode.hpp>

namespace visplay {
namespace detail {

struct ClassedCharacter {
  CharacterClass kind;
  std::size_t size;  ///< bytes; 0 at the end
};

/// Reads the class of the character at a place.
class ClassReader {
 public:
  explicit ClassReader(std::string_view text) : text_(text), traits_(code_point_traits()) {}

  ClassedCharacter at(std::size_t at) const {
    if (at >= text_.size()) return {CharacterClass::end, 0};
    const auto byte = static_cast<unsigned char>(text_[at]);
    if (byte < 0x80) return {of(byte), 1};
    const CodePoint c = decode_utf8(text_, at);
    return {of(c.value), c.size};
  }

  /// First position at or after `at` whose class is another.
  std::size_t skip(std::size_t at, CharacterClass kind) const {
    for (auto c = this->at(at); c.kind == kind; c = this->at(at)) at += c.size;
    return at;
  }

 private:
  CharacterClass of(char32_t point) const {
    return CharacterClass(traits_[point] & CodePointTraits::class_mask);
  }

  std::string_view text_;
  const std::uint8_t* traits_;
};

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
VISPLAY_INLINE std::size_t space_size(const ClassReader& classes, std::size_t at) {
  std::size_t end = at, last_start = at, after_line_end = at;
  auto c = classes.at(at);
  for (; c.kind == CharacterClass::blank || c.kind == CharacterClass::line_end;
       c = classes.at(end)) {
    last_start = end;
    end += c.size;
    if (c.kind == CharacterClass::line_end) after_line_end = end;
  }
  if (after_line_end > at) return after_line_end - at;
  return (c.kind == CharacterClass::end || last_start == at ? end : last_start) - at;
}

}  // namespace detail

VISPLAY_INLINE std::size_t piece_size(std::string_view text, std::size_t at) {
  using detail::CharacterClass;
  if (const std::size_t size = detail::contraction_size(text, at)) return size;
  const detail::ClassReader classes(text);
  const auto first = classes.at(at);
  const std::size_t next = at + first.size;
  if (first.kind == CharacterClass::letter) return classes.skip(next, first.kind) - at;
  if (first.kind == CharacterClass::number) return first.size;
  const auto second = classes.at(next);
  if (second.kind == CharacterClass::letter && first.kind != CharacterClass::line_end)
    return classes.skip(next + second.size, second.kind) - at;
  if (first.kind == CharacterClass::symbol ||
      (text[at] == ' ' && second.kind == CharacterClass::symbol)) {
    const auto end = classes.skip(next, CharacterClass::symbol);
    return classes.skip(end, CharacterClass::line_end) - at;
  }
  return detail::space_size(classes, at);
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
