// Tokenizer: byte-level BPE as Qwen uses it (GPT-2's method; no unknown token, nothing added around).
//
//   const Tokenizer tokenizer(vocabulary);                  // io/tokenizer_json.hpp reads one
//   const auto ids = tokenizer.encode("a <|im_end|>");      // the end of turn is one token
//   const auto safe = tokenizer.encode_plain(question);     // never a special token
//   tokenizer.decode(ids) == "a <|im_end|>";
//
// Added tokens are cut out first; the rest is brought to NFC, cut into pieces (pre_tokenize.hpp) and
// merged inside each piece, lowest rank first. Text that is not UTF-8 is read as Python reads it with
// errors="replace": U+FFFD for each maximal invalid part. Safe to use from many threads at once.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/text/added_tokens.hpp>
#include <visplay/text/byte_pair_merges.hpp>
#include <visplay/text/token_table.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace visplay {

struct Vocabulary {
  std::vector<std::string> tokens{};  ///< bytes of token i; empty where no token has the id
  std::vector<Merge> merges{};        ///< the first has the lowest rank: it is done first
  std::vector<AddedToken> added{};
  bool nfc = true;             ///< bring the text to NFC first
  bool ignore_merges = false;  ///< a piece that is a token is that token, whatever the merges give

  bool operator==(const Vocabulary&) const = default;
};

/// Gives each text the next free id and appends it to the vocabulary's added tokens.
void add_tokens(Vocabulary& vocabulary, std::span<const std::string_view> texts, bool special);

/// Adds the 22 control tokens of Qwen2.5-VL in its order; 14 of them are special.
void add_qwen_tokens(Vocabulary& vocabulary);

class Tokenizer {
 public:
  /// @throws Error unless the 256 single bytes are tokens, every merge joins its two sides, ids and
  ///         texts are unique, no merge makes a special token and there are fewer than 2,097,151 ids
  explicit Tokenizer(Vocabulary vocabulary);

  /// For text that may hold control tokens: templates, completions.
  [[nodiscard]] std::vector<std::int64_t> encode(std::string_view text) const;

  /// For text of users and models: spells control tokens out, `<|im_end|>` is six or so pieces.
  [[nodiscard]] std::vector<std::int64_t> encode_plain(std::string_view text) const;

  /// The bytes of the tokens, invalid UTF-8 replaced by U+FFFD. Ids without a token add nothing.
  [[nodiscard]] std::string decode(std::span<const std::int64_t> ids,
                                   bool skip_special = false) const;

  /// The bytes of one token, maybe a part of a character; empty for an id without a token.
  [[nodiscard]] std::string_view bytes_of(std::int64_t id) const { return table_.bytes_of(id); }
  [[nodiscard]] bool is_special(std::int64_t id) const;

  [[nodiscard]] std::optional<std::int64_t> find(std::string_view token) const;
  /// @throws Error that names the token if there is none
  [[nodiscard]] std::int64_t id_of(std::string_view token) const;

  /// One past the largest id; rows of the embedding from here on have no token.
  [[nodiscard]] std::int64_t size() const { return table_.size(); }
  [[nodiscard]] const Vocabulary& vocabulary() const { return vocabulary_; }

  using Match = AddedTokenFinder::Match;
  /// The leftmost added token at or after byte `from`; the longest of those that begin there.
  /// Tokens with `normalized` are found as they are spelled, too.
  [[nodiscard]] Match find_added(std::string_view text, std::size_t from) const;

 private:
  class Encoding;  // one call of encode

  void index_tokens();
  void index_added();
  void check_merges() const;
  void mark_whole();

  Vocabulary vocabulary_;
  TokenTable table_{};  // bytes of all tokens; finds those of the model
  BytePairMerges merges_{};
  std::vector<bool> special_{};    // by id
  std::vector<bool> whole_{};      // by id: a piece with its bytes is this one token
  AddedTokenFinder added_{};       // of the text as it is
  AddedTokenFinder normalized_{};  // of the normalised text
  AddedTokenFinder spelled_{};     // all, for find_added
  std::unordered_map<std::string, std::int64_t> added_ids_{};  // by text
};

/// Turns tokens into text as they come, holding back a character until its bytes are complete.
class StreamingDecoder {
 public:
  explicit StreamingDecoder(const Tokenizer& tokenizer, bool skip_special = true)
      : tokenizer_(&tokenizer), skip_special_(skip_special) {}

  /// The text that this token completes; may be empty.
  std::string push(std::int64_t id);
  /// What was held back, as U+FFFD; the next push begins a new text.
  std::string finish();

 private:
  const Tokenizer* tokenizer_;
  bool skip_special_;
  std::string held_{};  // at most 3 bytes
};

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/tokenizer.ipp>
#endif
