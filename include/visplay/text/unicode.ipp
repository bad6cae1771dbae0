// Bodies of unicode.hpp.
#pragma once

#include <visplay/text/unicode.hpp>
#include <visplay/text/unicode_tables.ipp>

#include <algorithm>
#include <cstring>
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

VISPLAY_INLINE bool is_line_end(char32_t point) { return point == '\r' || point == '\n'; }

VISPLAY_INLINE std::vector<char32_t> nfc_points(std::vector<char32_t> points) {
  std::vector<char32_t> decomposed;
  decomposed.reserve(points.size());
  for (const char32_t point : points) append_decomposed(decomposed, point);
  order_marks(decomposed);
  compose(decomposed);
  return decomposed;
}

VISPLAY_INLINE std::vector<std::uint8_t> make_code_point_traits() {
  using Traits = CodePointTraits;
  std::vector<std::uint8_t> traits(0x110000);
  const auto add = [&](const auto& ranges, std::uint8_t bits) {
    for (const auto& range : ranges)
      for (char32_t point = range.first; point <= range.last; ++point) traits[point] |= bits;
  };
  add(letter_ranges, std::uint8_t(CharacterClass::letter) | Traits::word);
  add(number_ranges, std::uint8_t(CharacterClass::number));
  add(word_ranges, Traits::word);
  add(combining_ranges, Traits::mark);
  for (char32_t point = 0; point <= 0x3000; ++point)
    if (is_space(point))
      traits[point] |=
          std::uint8_t(is_line_end(point) ? CharacterClass::line_end : CharacterClass::blank);

  const auto moves = [&](char32_t point) { traits[point] |= Traits::moves; };
  for (char32_t i = 0; i < hangul_v_count; ++i) moves(hangul_v + i);
  for (char32_t i = 1; i < hangul_t_count; ++i) moves(hangul_t + i);
  for (const std::uint16_t i : composition_order) moves(decompositions[i].second);
  for (const Decomposition& d : decompositions) {
    const auto normal = nfc_points({d.point});
    std::vector<char32_t> parts;
    append_decomposed(parts, d.point);
    if (normal != std::vector{d.point} || (traits[parts[0]] & Traits::moves)) moves(d.point);
  }
  return traits;
}

VISPLAY_INLINE const std::uint8_t* code_point_traits() {
  static const std::vector<std::uint8_t> traits = make_code_point_traits();
  return traits.data();
}

/// First position at or after `at` whose byte is not ASCII.
VISPLAY_INLINE std::size_t skip_ascii(std::string_view text, std::size_t at) {
  for (std::uint64_t eight; at + 8 <= text.size(); at += 8) {
    std::memcpy(&eight, text.data() + at, 8);
    if (eight & 0x8080808080808080) break;
  }
  while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
  return at;
}

/// Walks a text by the quick check of UAX 15 and normalises only the stretches that fail it. A
/// stretch runs from a code point that nothing before it can touch to the next such one.
class Normalizer {
 public:
  Normalizer(std::string_view text, std::string& out)
      : text_(text), traits_(code_point_traits()), out_(out) {}

  /// True if the text is not in normal form; then `out` holds its normal form.
  bool run() {
    while (at_ < text_.size()) {
      if (const std::size_t end = skip_ascii(text_, at_); end > at_) {
        boundary_ = end - 1;
        last_class_ = 0;
        at_ = end;
        continue;
      }
      if (!passes(decode_utf8(text_, at_))) normalize_stretch();
    }
    if (copied_ == 0) return false;
    out_ += text_.substr(copied_);
    return true;
  }

 private:
  /// Steps over a code point that is where it belongs; false if that takes work.
  bool passes(const CodePoint& c) {
    const std::uint8_t traits = traits_[c.value];
    if (!c.valid || (traits & CodePointTraits::moves)) return false;
    if (traits & CodePointTraits::mark) {
      const int mark = combining_class(c.value);
      if (mark < last_class_) return false;
      last_class_ = mark;
    } else {
      boundary_ = at_;
      last_class_ = 0;
    }
    at_ += c.size;
    return true;
  }

  void normalize_stretch() {
    std::vector<char32_t> points;
    std::size_t end = boundary_;
    while (end < text_.size()) {
      const CodePoint c = decode_utf8(text_, end);
      const bool free = !(traits_[c.value] & (CodePointTraits::moves | CodePointTraits::mark));
      if (free && end > at_) break;
      points.push_back(c.value);
      end += c.size;
    }
    if (copied_ == 0) out_.clear(), out_.reserve(text_.size() + 16);
    out_ += text_.substr(copied_, boundary_ - copied_);
    for (const char32_t point : nfc_points(std::move(points))) append_utf8(out_, point);
    copied_ = at_ = boundary_ = end;
    last_class_ = 0;
  }

  std::string_view text_;
  const std::uint8_t* traits_;
  std::string& out_;
  std::size_t at_ = 0;        // read so far
  std::size_t copied_ = 0;    // of it, in out_; 0: nothing had to be changed yet
  std::size_t boundary_ = 0;  // where the last code point began that nothing before it touches
  int last_class_ = 0;        // combining class of the last code point
};

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
  std::string storage;
  return std::string(valid_utf8(text, storage));
}

VISPLAY_INLINE std::string_view valid_utf8(std::string_view text, std::string& storage) {
  std::size_t copied = 0;
  bool valid = true;
  for (std::size_t at = detail::skip_ascii(text, 0); at < text.size();
       at = detail::skip_ascii(text, at)) {
    const CodePoint c = decode_utf8(text, at);
    at += c.size;
    if (c.valid) continue;
    if (valid) storage.clear();
    valid = false;
    storage += text.substr(copied, at - c.size - copied);
    append_utf8(storage, replacement_character);
    copied = at;
  }
  if (valid) return text;
  storage += text.substr(copied);
  return storage;
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
  using namespace detail;
  return point < 0x110000 && (code_point_traits()[point] & CodePointTraits::class_mask) ==
                                 std::uint8_t(CharacterClass::letter);
}

VISPLAY_INLINE bool is_number(char32_t point) {
  using namespace detail;
  return point < 0x110000 && (code_point_traits()[point] & CodePointTraits::class_mask) ==
                                 std::uint8_t(CharacterClass::number);
}

VISPLAY_INLINE bool is_word(char32_t point) {
  return point < 0x110000 && (detail::code_point_traits()[point] & detail::CodePointTraits::word);
}

VISPLAY_INLINE bool is_space(char32_t point) {
  return (point >= 0x9 && point <= 0xD) || point == 0x20 || point == 0x85 || point == 0xA0 ||
         point == 0x1680 || (point >= 0x2000 && point <= 0x200A) || point == 0x2028 ||
         point == 0x2029 || point == 0x202F || point == 0x205F || point == 0x3000;
}

VISPLAY_INLINE std::string nfc(std::string_view text) {
  std::string storage;
  return std::string(nfc(text, storage));
}

VISPLAY_INLINE std::string_view nfc(std::string_view text, std::string& storage) {
  return detail::Normalizer(text, storage).run() ? std::string_view(storage) : text;
}

}  // namespace visplay
