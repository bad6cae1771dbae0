// Bodies of report/screen_text.hpp.
#pragma once

#include <visplay/report/screen_text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace visplay {
namespace detail {

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 1;
  bool valid = false;
};

// The code point at the start of a text that is not empty, by the table of RFC 3629.
VISPLAY_INLINE CodePoint first_code_point(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {};
  char32_t value = lead & (0x7F >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3F);
  }
  constexpr std::array<char32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xD800 && value < 0xE000;
  if (value < smallest[length] || value > 0x10FFFF || surrogate) return {};
  return {value, length, true};
}

VISPLAY_INLINE int columns_of_code_point(char32_t c) {
  struct Block {
    char32_t first, last;
  };
  constexpr std::array<Block, 3> none{{{0x300, 0x36F}, {0x200B, 0x200F}, {0xFE00, 0xFE0F}}};
  constexpr std::array<Block, 10> wide{{{0x1100, 0x115F},
                                        {0x2E80, 0xA4CF},
                                        {0xAC00, 0xD7A3},
                                        {0xF900, 0xFAFF},
                                        {0xFE30, 0xFE6F},
                                        {0xFF00, 0xFF60},
                                        {0xFFE0, 0xFFE6},
                                        {0x1F300, 0x1F64F},
                                        {0x1F900, 0x1F9FF},
                                        {0x20000, 0x3FFFD}}};
  const auto holds = [c](const Block& block) { return c >= block.first && c <= block.last; };
  if (std::ranges::any_of(none, holds)) return 0;
  return std::ranges::any_of(wide, holds) ? 2 : 1;
}

VISPLAY_INLINE bool reorders_text(char32_t c) {
  return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0x200E || c == 0x200F;
}

}  // namespace detail

VISPLAY_INLINE std::string screen_line(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto [value, bytes, valid] = detail::first_code_point(text);
    const bool blank = value == ' ' || (value >= 9 && value <= 13) || value == 0x2028;
    const bool control = value < 0x20 || (value >= 0x7F && value < 0xA0);
    if (valid && blank) {
      if (!out.empty() && out.back() != ' ') out += ' ';
    } else if (!valid || control || detail::reorders_text(value)) {
      out += '?';
    } else {
      out += text.substr(0, bytes);
    }
    text.remove_prefix(bytes);
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

VISPLAY_INLINE int columns_of(std::string_view text) {
  int columns = 0;
  while (!text.empty()) {
    const auto point = detail::first_code_point(text);
    columns += detail::columns_of_code_point(point.value);
    text.remove_prefix(point.bytes);
  }
  return columns;
}

VISPLAY_INLINE std::string shortened(std::string_view text, int columns) {
  if (columns_of(text) <= columns) return std::string(text);
  const int room = std::max(columns - 3, 0);
  std::string out;
  for (int used = 0; !text.empty();) {
    const auto point = detail::first_code_point(text);
    used += detail::columns_of_code_point(point.value);
    if (used > room) break;
    out += text.substr(0, point.bytes);
    text.remove_prefix(point.bytes);
  }
  return out + std::string("...").substr(0, std::size_t(std::clamp(columns, 0, 3)));
}

VISPLAY_INLINE std::string fitted(std::string_view text, int columns, bool to_right) {
  const std::string cut = shortened(text, columns);
  const std::string fill(std::size_t(std::max(columns - columns_of(cut), 0)), ' ');
  return to_right ? fill + cut : cut + fill;
}

VISPLAY_INLINE std::string duration_text(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "?";
  const auto whole = std::int64_t(std::llround(seconds));
  if (whole < 60) return fmt::format("{}s", whole);
  if (whole < 3600) return fmt::format("{}m {:02}s", whole / 60, whole % 60);
  return fmt::format("{}h {:02}m", whole / 3600, whole / 60 % 60);
}

}  // namespace visplay
