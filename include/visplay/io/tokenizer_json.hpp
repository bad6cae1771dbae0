// tokenizer.json: the file in which Hugging Face keeps a tokenizer, in the layout of Qwen's.
//
//   const Tokenizer tokenizer(read_tokenizer_json("model/tokenizer.json"));
//
// Read: byte-level BPE with Qwen's pattern, with NFC or no normalizer; merges as "left right" or
// ["left", "right"]; added tokens with any flags; ignore_merges. unk_token, fuse_unk and
// byte_fallback change nothing where every byte has a token, truncation and padding belong to a call:
// they are not looked at. What would change ids and is not built (other patterns and normalizers,
// templates that add tokens, dropout) is refused by name. Files are untrusted: at most 64 MB, nesting
// of 8, ids without large gaps, no text or id twice, merges of tokens that exist.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/text/tokenizer.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace visplay {

inline constexpr std::size_t max_tokenizer_bytes = std::size_t(64) << 20;

/// The vocabulary in the text of such a file. @param name  of the file, for errors
/// @throws Error in one line that names the file and what is wrong with it
[[nodiscard]] Vocabulary parse_tokenizer_json(std::string_view text, std::string_view name);

/// The same for a file, whose size is checked before it is read.
[[nodiscard]] Vocabulary read_tokenizer_json(const std::filesystem::path& file);

/// Byte for byte what `tokenizers` 0.23 writes for the same vocabulary.
[[nodiscard]] std::string tokenizer_json(const Vocabulary& vocabulary);

/// Puts that in the place of the file. @throws Error unless it can be read back
void write_tokenizer_json(const std::filesystem::path& file, const Vocabulary& vocabulary);

/// tokenizer_config.json, from which transformers learns the class and the special tokens' roles.
struct TokenizerRoles {
  std::string eos = "<|im_end|>";
  std::string pad = "<|endoftext|>";
  std::int64_t model_max_length = 131072;  ///< tokens
};
void write_tokenizer_config(const std::filesystem::path& file, const TokenizerRoles& roles = {});

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/io/tokenizer_json.ipp>
#endif
