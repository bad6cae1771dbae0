// Tokenizer: byte-level BPE as Qwen uses it (GPT-2's method; no unknown token, nothing added around).
//
//   const Tokenizer tokenizer(vocabulary);                  // io/tokenizer_json.hpp reads one
//   const auto ids = tokenizer.encode("a <|im_end|>");      // the end of turn is one token
//   const auto safe = tokenizer.encode_plain(question);     // never a special token
//   tokenizer.decode(ids) == "a <|im_end|>";
//
// Added tokens are cut out first; the rest is brought to NFC, cut into pieces (pre_tokenize.hpp) and
// merged inside each piece, lowest rank first. Safe to use from many threads at once.
#pragma once

#include <visplay/core/macros.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace visplay {

/// A token that is recognised as a whole in template text, before any merging.
struct AddedToken {
  std::int64_t id = 0;
  std::string text{};
  bool special = true;  ///< left out by decode(ids, skip_special)

  bool operator==(const AddedToken&) const = default;
};

/// Tokens left and right, side by side, become token result.
struct Merge {
  std::int32_t left = 0, right = 0, result = 0;

  bool operator==(const Merge&) const = default;
};

struct Vocabulary {
  std::vector<std::string> tokens{};  ///< bytes of token i; empty where no token has the id
  std::vector<Merge> merges{};        ///< the first has the lowest rank: it is done first
  std::vector<AddedToken> added{};

  bool operator==(const Vocabulary&) const = default;
};

/// Gives each text the next free id and appends it to the vocabulary's added tokens.
void add_tokens(Vocabulary& vocabulary, std::span<const std::string_view> texts, bool special);

/// Adds the 22 control tokens of Qwen2.5-VL in its order; 14 of them are special.
void add_qwen_tokens(Vocabulary& vocabulary);

class Tokenizer {
 public:
  /// @throws Error unless the 256 single bytes are tokens, every merge joins its two sides, ids and
  ///         texts are unique and no merge makes a special token
  explicit Tokenizer(Vocabulary vocabulary);

  /// For text that may hold control tokens: templates, completions.
  [[nodiscard]] std::vector<std::int64_t> encode(std::string_view text) const;

  /// For text of users and models: spells control tokens out, `<|im_end|>` is six or so pieces.
  [[nodiscard]] std::vector<std::int64_t> encode_plain(std::string_view text) const;

  /// The bytes of the tokens, invalid UTF-8 replaced by U+FFFD. Ids without a token add nothing.
  [[nodiscard]] std::string decode(std::span<const std::int64_t> ids,
                                   bool skip_special = false) const;

  /// The bytes of one token, maybe a part of a character; empty for an id without a token.
  [[nodiscard]] std::string_view bytes_of(std::int64_t id) const;
  [[nodiscard]] bool is_special(std::int64_t id) const;

  [[nodiscard]] std::optional<std::int64_t> find(std::string_view token) const;
  /// @throws Error that names the token if there is none
  [[nodiscard]] std::int64_t id_of(std::string_view token) const;

  /// One past the largest id; rows of the embedding from here on have no token.
  [[nodiscard]] std::int64_t size() const { return std::int64_t(bytes_.size()); }
  [[nodiscard]] const Vocabulary& vocabulary() const { return vocabulary_; }

  struct Match {
    std::size_t begin;  ///< byte where the added token begins
    std::size_t size;   ///< its bytes; 0: none found
    std::int64_t id;
  };
  /// The leftmost added token at or after byte `from`; the longest of those that begin there.
  [[nodiscard]] Match find_added(std::string_view text, std::size_t from) const;

 private:
  struct Ranked {
    std::int32_t rank, result;
  };
  static std::uint64_t pair_key(std::int64_t left, std::int64_t right) {
    return std::uint64_t(left) << 32 | std::uint64_t(right);
  }
  void index_tokens();
  void index_added();
  void index_merges();
  const Ranked* ranked(std::int64_t left, std::int64_t right) const;
  void append_plain(std::vector<std::int64_t>& ids, std::string_view text) const;
  void append_piece(std::vector<std::int64_t>& ids, std::string_view piece) const;

  Vocabulary vocabulary_;
  std::vector<std::string> bytes_;  // by id, added tokens too
  std::vector<bool> special_;       // by id
  std::unordered_map<std::string, std::int64_t> ids_;
  std::unordered_map<std::uint64_t, Ranked> ranks_;  // by pair_key
  std::vector<std::int64_t> byte_ids_;               // [256]
  std::vector<std::vector<AddedToken>> added_;       // [256] by first byte, longest first
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
