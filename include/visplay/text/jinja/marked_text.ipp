// Bodies of marked_text.hpp.
#pragma once

#include <visplay/text/jinja/marked_text.hpp>

#include <algorithm>
#include <utility>

namespace visplay::jinja {

VISPLAY_INLINE MarkedText::MarkedText(std::string bytes, Mark mark) : bytes_(std::move(bytes)) {
  if (!bytes_.empty()) runs_.push_back({bytes_.size(), mark});
}

VISPLAY_INLINE void MarkedText::append(std::string_view bytes, Mark mark) {
  if (bytes.empty()) return;
  bytes_ += bytes;
  if (runs_.empty() || runs_.back().mark != mark) runs_.push_back({0, mark});
  runs_.back().end = bytes_.size();
}

VISPLAY_INLINE void MarkedText::append(const MarkedText& other, std::size_t begin,
                                       std::size_t end) {
  const std::string_view bytes = other.bytes_;
  auto run = std::ranges::upper_bound(other.runs_, begin, {}, &Run::end);
  for (; begin < end; ++run) {
    const std::size_t stop = std::min(end, run->end);
    append(bytes.substr(begin, stop - begin), run->mark);
    begin = stop;
  }
}

VISPLAY_INLINE MarkedText MarkedText::slice(std::size_t begin, std::size_t end) const {
  MarkedText out;
  out.append(*this, begin, end);
  return out;
}

// Knuth, Morris and Pratt. The library's own search takes size x size steps on hostile texts.
VISPLAY_INLINE std::size_t find_piece(std::string_view text, std::string_view piece,
                                      std::size_t from) {
  if (piece.size() <= 16) return text.find(piece, from);
  std::vector<std::size_t> border(piece.size() + 1, 0);
  for (std::size_t i = 1, k = 0; i < piece.size(); ++i) {
    while (k && piece[i] != piece[k]) k = border[k];
    if (piece[i] == piece[k]) ++k;
    border[i + 1] = k;
  }
  for (std::size_t at = from, k = 0; at < text.size(); ++at) {
    while (k && text[at] != piece[k]) k = border[k];
    if (text[at] == piece[k] && ++k == piece.size()) return at + 1 - k;
  }
  return std::string_view::npos;
}

}  // namespace visplay::jinja
