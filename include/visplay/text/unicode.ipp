// Bodies of unicode.hpp.
#pragma once

#include <visplay/text/unicode.hpp>
#include <visplay/text/unicode_tables.ipp>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace visplay {
namespace detail {

inline constexpr char32_t hangul_first = 0xAC00, hangul_l = 0x1100, hangul_v = 0x1161,
                          hangul_t = 0x11A7;
inline constexpr char32_t hangul_l_count = 19, hangul_v_count = 21, hangul_t_count = 28,
                          hangul_count = 11172;

/// The range that holds point, or null.
template <class Range, std::size_t N>
const Range* find_range(const Range (&ranges)[N], char32_t point) {
  const Range* r = std::ranges::lower_bound(ranges, point, {}, &Range::last);
  return r != std::end(ranges) && r->first <= point ? r : nullptr;
}

VISPLAY_INLINE int combining_class(char32_t point) {
  const CombiningRange* r = point < 0x300 ? nullptr : find_range(combining_ranges, point);
  return r ? r->combining_class : 0;
}

VISPLAY_INLINE void append_decomposed(std::vector<char32_t>& out, char32_t point) {
  if (const char32_t s = point - hangul_first; s < hangul_count) {
    out.push_back(hangul_l + s / (hangul_v_count * hangul_t_count));
    out.push_back(hangul_v + s % (hangul_v_count * hangul_t_count) / hangul_t_count);
    if (s % hangul_t_count) out.push_back(hangul_t + s % hangul_t_count);
    return;
  }
  const auto* d = std::ranges::lower_bound(decompositions, point, {}, &Decomposition::point);
  if (point < 0xC0 || d == std::end(decompositions) || d->point != point) {
    out.push_back(point);
    return;
  }
  append_decomposed(out, d->first);
  if (d->second) append_decomposed(out, d->second);
}

/// The code point that the pair composes to, or 0.
VISPLAY_INLINE char32_t composed(char32_t first, char32_t second) {
  const char32_t l = first - hangul_l, v = second - hangul_v;
  if (l < hangul_l_count && v < hangul_v_count)
    return hangul_first + (l * hangul_v_count + v) * hangul_t_count;
  const char32_t s = first - hangul_first, t = second - hangul_t;
  if (s < hangul_count && s % hangul_t_count == 0 && t - 1 < hangul_t_count - 1) return first + t;

  const auto pair_of = [](std::uint16_t i) {
    return std::pair(decompositions[i].first, decompositions[i].second);
  };
  const std::pair wanted(first, second);
  const auto* at = std::ranges::lower_bound(composition_order, wanted, {}, pair_of);
  const bool found = at != std::end(composition_order) && pair_of(*at) == wanted;
  return found ? decompositions[*at].point : 0;
}

/// Orders each run of marks by combining class; equal classes keep their order.
VISPLAY_INLINE void order_marks(std::vector<char32_t>& points) {
  for (auto at = points.begin(); at != points.end();) {
    if (combining_class(*at) == 0) {
      ++at;
      continue;
    }
    const auto end = std::find_if(at, points.end(), [](char32_t p) { return !combining_class(p); });
    std::stable_sort(
        at, end, [](char32_t a, char32_t b) { return combining_class(a) < combining_class(b); });
    at = end;
  }
}

/// Composes in place: a mark joins the last starter unless one of its own or a higher class, or
/// another starter, stands between.
VISPLAY_INLINE void compose(std::vector<char32_t>& points) {
  std::size_t kept = 0, starter = points.size();
  int last_class = 0;
  for (const char32_t point : points) {
    const int mark = combining_class(point);
    const bool adjacent = starter + 1 == kept;
    if (starter < kept && (adjacent || (last_class != 0 && last_class < mark))) {
      if (const char32_t joined = composed(points[starter], point)) {
        points[starter] = joined;
        continue;
      }
    }
    if (mark == 0) starter = kept;
    last_class = mark;
    points[kept++] = point;
  }
  points.resize(kept);
}

}  // namespace detail

VISPLAY_INLINE CodePoint decode_utf8(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(at);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t size = lead < 0xC2   ? 0
                           : lead < 0xE0 ? 2
                           : lead < 0xF0 ? 3
                           : lead < 0xF5 ? 4
                                         : 0;
  if (size == 0) return {replacement_character, 1, false};
  // The second byte's range excludes overlong forms, surrogates and values above U+10FFFF.
  unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  char32_t point = lead & (0xFF >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if (at + i >= text.size() || byte(at + i) < low || byte(at + i) > high)
      return {replacement_character, i, false};
    point = point << 6 | (byte(at + i) & 0x3F);
    low = 0x80, high = 0xBF;
  }
  return {point, size, true};
}

VISPLAY_INLINE void append_utf8(std::string& out, char32_t point) {
  if (point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) point = replacement_character;
  if (point < 0x80) {
    out += char(point);
  } else if (point < 0x800) {
    out += {char(0xC0 | point >> 6), char(0x80 | (point & 0x3F))};
  } else if (point < 0x10000) {
    out +=
        {char(0xE0 | point >> 12), char(0x80 | (point >> 6 & 0x3F)), char(0x80 | (point & 0x3F))};
  } else {
    out += {char(0xF0 | point >> 18), char(0x80 | (point >> 12 & 0x3F)),
            char(0x80 | (point >> 6 & 0x3F)), char(0x80 | (point & 0x3F))};
  }
}

VISPLAY_INLINE std::string valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    if (c.valid)
      out += text.substr(at, c.size);
    else
      append_utf8(out, replacement_character);
    at += c.size;
  }
  return out;
}

VISPLAY_INLINE std::size_t incomplete_utf8_tail(std::string_view text) {
  for (std::size_t size = 1; size <= std::min<std::size_t>(3, text.size()); ++size) {
    const auto byte = static_cast<unsigned char>(text[text.size() - size]);
    if (byte < 0x80) return 0;
    if (byte < 0xC0) continue;
    const CodePoint c = decode_utf8(text, text.size() - size);
    const std::size_t wanted = byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
    return !c.valid && c.size == size && size < wanted && byte >= 0xC2 && byte < 0xF5 ? size : 0;
  }
  return 0;
}

VISPLAY_INLINE bool is_letter(char32_t point) {
  if (point < 0x80) return (point | 0x20) >= 'a' && (point | 0x20) <= 'z';
  return detail::find_range(detail::letter_ranges, point) != nullptr;
}

VISPLAY_INLINE bool is_number(char32_t point) {
  if (point < 0x80) return point >= '0' && point <= '9';
  return detail::find_range(detail::number_ranges, point) != nullptr;
}

VISPLAY_INLINE bool is_space(char32_t point) {
  return (point >= 0x9 && point <= 0xD) || point == 0x20 || point == 0x85 || point == 0xA0 ||
         point == 0x1680 || (point >= 0x2000 && point <= 0x200A) || point == 0x2028 ||
         point == 0x2029 || point == 0x202F || point == 0x205F || point == 0x3000;
}

VISPLAY_INLINE std::string nfc(std::string_view text) {
  std::vector<char32_t> points;
  bool stable = true;  // nothing below U+0300 combines or decomposes away
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    stable &= c.valid && c.value < 0x300;
    points.push_back(c.value);
    at += c.size;
  }
  if (stable) return std::string(text);

  std::vector<char32_t> decomposed;
  decomposed.reserve(points.size());
  for (const char32_t point : points) detail::append_decomposed(decomposed, point);
  detail::order_marks(decomposed);
  detail::compose(decomposed);
  std::string out;
  out.reserve(text.size());
  for (const char32_t point : decomposed) append_utf8(out, point);
  return out;
}

}  // namespace visplay
