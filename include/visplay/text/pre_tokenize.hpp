// pre_tokenize: cuts a text into the pieces that byte-level BPE merges inside of, by Qwen's pattern
//
//   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*
//   |\s*[\r\n]+|\s+(?!\S)|\s+
//
// read by hand: the first alternative that matches wins. Every byte belongs to exactly one piece.
#pragma once

#include <visplay/core/macros.hpp>

#include <cstddef>
#include <string_view>
#include <vector>

namespace visplay {

/// The same rule as tokenizer.json spells it.
inline constexpr std::string_view qwen_pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// Bytes of the piece that begins at byte `at`; at < text.size(). The text is valid UTF-8.
[[nodiscard]] std::size_t piece_size(std::string_view text, std::size_t at);

/// The pieces, in order; views into text.
[[nodiscard]] std::vector<std::string_view> pre_tokenize(std::string_view text);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/pre_tokenize.ipp>
#endif
