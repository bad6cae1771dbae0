// train_bpe: learns the merges of a byte-level BPE vocabulary from the words of a text.
//
//   WordCounts words;
//   count_words(words, text);                       // NFC and pieces as the tokenizer cuts them
//   Vocabulary vocabulary = train_bpe(words, {.size = 512});
//   add_qwen_tokens(vocabulary);
//
// Sennrich et al. 2016 over bytes: the pair that occurs most often becomes a token, again and again;
// of equal counts the pair with the smaller ids. The same merges as the trainer of Hugging Face
// `tokenizers`.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/text/tokenizer.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace visplay {

/// How often each piece of pre_tokenize occurs.
using WordCounts = std::map<std::string, std::int64_t>;

void count_words(WordCounts& words, std::string_view text);

struct BpeTraining {
  std::int64_t size = 512;     ///< tokens in the result, the 256 bytes included; >= 256
  std::int64_t min_count = 2;  ///< pairs that occur less often are not merged; >= 1
};

/// The bytes have ids 0-255 in GPT-2's order (printable ones first, as in Qwen's files), the merges'
/// results follow. Fewer tokens than asked for if no pair is left. @throws Error on a bad setting
[[nodiscard]] Vocabulary train_bpe(const WordCounts& words, const BpeTraining& training);

/// The byte with id i in a vocabulary of this order; i in 0-255.
[[nodiscard]] unsigned char byte_of_rank(int i);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/bpe_trainer.ipp>
#endif
