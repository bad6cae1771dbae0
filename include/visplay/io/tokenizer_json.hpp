// tokenizer.json: the file in which Hugging Face keeps a tokenizer, in the layout of Qwen's.
//
//   const Tokenizer tokenizer(read_tokenizer_json("model/tokenizer.json"));
//
// Read: byte-level BPE with NFC and Qwen's pattern; merges as "left right" or ["left", "right"].
// What would change ids and is not built (another pattern, unknown tokens, stripping added tokens)
// is refused by name. Files are untrusted: sizes and ids are checked before anything is allocated.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/text/tokenizer.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace visplay {

/// @throws Error in one line that names the file and what is wrong with it
[[nodiscard]] Vocabulary read_tokenizer_json(const std::filesystem::path& file);

/// Byte for byte what `tokenizers` 0.23 writes for the same vocabulary. @throws Error
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
