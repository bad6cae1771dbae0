// MarkedText: a text that knows of every byte whether the template wrote it.
//
// The rule: a byte copied from the template's source is markup. Every other byte is plain: what
// users and models wrote, and what the interpreter makes (digits, JSON punctuation, escapes).
// Cutting, joining and copying keep each byte's mark. Only markup may become control tokens, so no
// text of a user can, whatever a template does with it.
#pragma once

#include <visplay/core/macros.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace visplay::jinja {

enum class Mark : std::uint8_t {
  markup,  ///< from the template's source
  plain,   ///< from anywhere else
};

class MarkedText {
 public:
  /// Bytes of one mark, up to byte `end`; neighbours differ in mark.
  struct Run {
    std::size_t end;
    Mark mark;

    bool operator==(const Run&) const = default;
  };

  MarkedText() = default;
  MarkedText(std::string bytes, Mark mark);

  [[nodiscard]] const std::string& bytes() const { return bytes_; }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] std::span<const Run> runs() const { return runs_; }

  void append(std::string_view bytes, Mark mark);
  /// Bytes [begin, end) of another text, with their marks.
  void append(const MarkedText& other, std::size_t begin, std::size_t end);
  void append(const MarkedText& other) { append(other, 0, other.size()); }

  /// Bytes [begin, end), with their marks.
  [[nodiscard]] MarkedText slice(std::size_t begin, std::size_t end) const;

  bool operator==(const MarkedText&) const = default;

 private:
  std::string bytes_;
  std::vector<Run> runs_;
};

/// Where piece begins in text at or after byte `from`; npos if nowhere. Linear in text and piece.
[[nodiscard]] std::size_t find_piece(std::string_view text, std::string_view piece,
                                     std::size_t from = 0);

}  // namespace visplay::jinja

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/jinja/marked_text.ipp>
#endif
