// UTF-8, code point classes and NFC, as byte-level BPE tokenizers use them.
//
// Classes are those of Unicode 16. NFC is the form C of UAX 15; the tables (unicode_tables.ipp) know
// what the normaliser of Hugging Face `tokenizers` knows, so that token ids are equal. Any bytes are
// accepted: what is not UTF-8 reads as U+FFFD, one for each maximal invalid part (Unicode 3.9), as
// Python and Rust do.
#pragma once

#include <visplay/core/macros.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace visplay {

inline constexpr char32_t replacement_character = 0xFFFD;

/// One code point read from a text.
struct CodePoint {
  char32_t value;    ///< U+FFFD where the bytes are invalid
  std::size_t size;  ///< bytes read, >= 1
  bool valid;        ///< false where bytes were replaced
};

/// The code point that begins at byte `at`; at < text.size().
[[nodiscard]] CodePoint decode_utf8(std::string_view text, std::size_t at);

/// Appends the UTF-8 bytes of a code point. Surrogates and values above U+10FFFF become U+FFFD.
void append_utf8(std::string& out, char32_t point);

/// The same text with invalid bytes replaced by U+FFFD.
[[nodiscard]] std::string valid_utf8(std::string_view text);

/// Bytes at the end that begin a code point but do not complete it: 0 to 3.
[[nodiscard]] std::size_t incomplete_utf8_tail(std::string_view text);

[[nodiscard]] bool is_letter(char32_t point);  ///< general category L
[[nodiscard]] bool is_number(char32_t point);  ///< general category N
[[nodiscard]] bool is_space(char32_t point);   ///< White_Space: blanks, tabs, line ends
/// What \w of Rust's regex engine matches: alphabetic, marks, decimal digits, connectors, joiners.
[[nodiscard]] bool is_word(char32_t point);

/// Unicode normal form C. Invalid bytes become U+FFFD.
[[nodiscard]] std::string nfc(std::string_view text);

/// The same without a copy where none is needed: `text` itself if it is valid and in normal form,
/// else `storage`, which then holds the result.
[[nodiscard]] std::string_view nfc(std::string_view text, std::string& storage);

/// The same without composing anything: invalid bytes alone are replaced.
[[nodiscard]] std::string_view valid_utf8(std::string_view text, std::string& storage);

namespace detail {

/// The classes that Qwen's pattern tells apart; symbol is every other character.
enum class CharacterClass : std::uint8_t { symbol, letter, number, line_end, blank, end };

/// One byte for each code point, so that hot loops look up and never search.
struct CodePointTraits {
  static constexpr std::uint8_t class_mask = 7, word = 8;
  static constexpr std::uint8_t mark = 16;   ///< a combining class other than 0
  static constexpr std::uint8_t moves = 32;  ///< NFC may change it or join it to what is before it
};

/// [0x110000]; made at the first call, 1.1 MB, of which a text touches the lines of its scripts.
[[nodiscard]] const std::uint8_t* code_point_traits();

}  // namespace detail

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/unicode.ipp>
#endif
