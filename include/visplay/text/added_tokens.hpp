// AddedTokenFinder: cuts tokens that are recognised as a whole out of a text, before any merging.
//
// The rules of Hugging Face `tokenizers`: the leftmost match counts, of those that begin there the
// longest. `single_word` drops a match beside a word character, `lstrip` and `rstrip` take the white
// space before and after it along. Tokens of Qwen's files have none of these flags; transformers
// writes `normalized` for tokens that a user added.
#pragma once

#include <visplay/core/macros.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace visplay {

struct AddedToken {
  std::int64_t id = 0;
  std::string text{};
  bool special = true;      ///< left out by decode(ids, skip_special)
  bool normalized = false;  ///< looked for in the NFC of the text, after those that are not
  bool lstrip = false, rstrip = false, single_word = false;

  bool operator==(const AddedToken&) const = default;
};

class AddedTokenFinder {
 public:
  struct Match {
    std::size_t begin;   ///< byte where it begins, with the white space that it takes along
    std::size_t size;    ///< its bytes; 0: none found
    std::int64_t id;     ///< -1: none found
    std::size_t resume;  ///< where the search for the next one begins
  };

  /// @param text  what is looked for; not empty
  void add(const AddedToken& token, std::string_view text);

  /// The first match at or after byte `from`. White space before byte `taken` belongs to an earlier
  /// match and is not taken again. Without a match begin and resume are the text's size.
  [[nodiscard]] Match find(std::string_view text, std::size_t from, std::size_t taken) const;

  [[nodiscard]] bool empty() const { return tokens_.empty(); }

 private:
  struct Rule {
    std::int64_t id;
    std::size_t size;
    bool lstrip, rstrip, single_word;
  };
  [[nodiscard]] std::size_t next_start(std::string_view text, std::size_t from) const;
  [[nodiscard]] const Rule* longest_at(std::string_view text, std::size_t at) const;

  std::vector<Rule> tokens_{};
  std::vector<std::int32_t> ends_{-1};  // by node of the trie: the token that ends there, or -1
  std::unordered_map<std::uint64_t, std::uint32_t> children_{};  // node and byte to node; root is 0
  std::array<bool, 256> starts_{};
  std::string first_bytes_{};  // each once
};

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/added_tokens.ipp>
#endif
