// Bodies of tokenizer.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/text/pre_tokenize.hpp>
#include <visplay/text/tokenizer.hpp>
#include <visplay/text/unicode.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace visplay {

VISPLAY_INLINE void add_tokens(Vocabulary& vocabulary, std::span<const std::string_view> texts,
                               bool special) {
  auto next = std::int64_t(vocabulary.tokens.size());
  for (const AddedToken& token : vocabulary.added) next = std::max(next, token.id + 1);
  for (const std::string_view text : texts)
    vocabulary.added.push_back({next++, std::string(text), special});
}

VISPLAY_INLINE void add_qwen_tokens(Vocabulary& vocabulary) {
  constexpr std::array<std::string_view, 14> special{
      "<|endoftext|>",      "<|im_start|>",     "<|im_end|>",     "<|object_ref_start|>",
      "<|object_ref_end|>", "<|box_start|>",    "<|box_end|>",    "<|quad_start|>",
      "<|quad_end|>",       "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
      "<|image_pad|>",      "<|video_pad|>"};
  constexpr std::array<std::string_view, 8> ordinary{
      "<tool_call>",    "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>",
      "<|fim_suffix|>", "<|fim_pad|>",  "<|repo_name|>",  "<|file_sep|>"};
  add_tokens(vocabulary, special, true);
  add_tokens(vocabulary, ordinary, false);
}

VISPLAY_INLINE Tokenizer::Tokenizer(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {
  index_tokens();
  index_added();
  check_merges();
  std::array<std::int32_t, 256> byte_ids{};
  for (int byte = 0; byte < 256; ++byte) {
    byte_ids[byte] = table_.find(std::string(1, char(byte)));
    check(byte_ids[byte] >= 0 && byte_ids[byte] < std::int64_t(vocabulary_.tokens.size()),
          "tokenizer: expected a token for each byte, got none for byte {}", byte);
  }
  merges_ = BytePairMerges(vocabulary_.merges, byte_ids);
  mark_whole();
}

VISPLAY_INLINE void Tokenizer::index_tokens() {
  const auto& tokens = vocabulary_.tokens;
  check(std::int64_t(tokens.size()) < BytePairMerges::limit,
        "tokenizer: expected fewer than {} tokens, got {}", BytePairMerges::limit, tokens.size());
  std::size_t bytes = 0;
  for (const std::string& token : tokens) bytes += token.size();
  table_.reserve(tokens.size() + vocabulary_.added.size(), bytes);
  for (std::size_t id = 0; id < tokens.size(); ++id)
    if (!tokens[id].empty() && !table_.add(std::int32_t(id), tokens[id]))
      throw Error(
          fmt::format("tokenizer: expected unique tokens, got the same text for ids {} and {}",
                      table_.find(tokens[id]), id));
}

VISPLAY_INLINE void Tokenizer::index_added() {
  // A few added tokens must not make us allocate much.
  const auto tokens = std::int64_t(vocabulary_.tokens.size());
  const auto largest =
      std::min(BytePairMerges::limit, tokens + std::int64_t(vocabulary_.added.size()) + 65536);
  special_.resize(std::size_t(tokens));
  for (const AddedToken& token : vocabulary_.added) {
    check(!token.text.empty() && token.id >= 0 && token.id < largest,
          "tokenizer: expected an added token with a text and an id below {}, got \"{}\" with {}",
          largest, token.text, token.id);
    // In the vocabulary already, or an id of its own. Its text may be that of another token: the one
    // is found as a whole, the other made by merges.
    const bool placed =
        bytes_of(token.id) == token.text || table_.add_hidden(std::int32_t(token.id), token.text);
    check(placed && added_ids_.try_emplace(token.text, token.id).second,
          "tokenizer: added token \"{}\" with id {} collides with another token", token.text,
          token.id);
    if (token.id >= std::int64_t(special_.size())) special_.resize(std::size_t(token.id) + 1);
    special_[std::size_t(token.id)] = token.special;
    spelled_.add(token, token.text);
    if (token.normalized)
      normalized_.add(token, vocabulary_.nfc ? nfc(token.text) : token.text);
    else
      added_.add(token, token.text);
  }
}

VISPLAY_INLINE void Tokenizer::check_merges() const {
  for (std::size_t rank = 0; rank < vocabulary_.merges.size(); ++rank) {
    const auto [left, right, result] = vocabulary_.merges[rank];
    const std::string_view first = bytes_of(left), second = bytes_of(right),
                           both = bytes_of(result);
    check(!first.empty() && !second.empty() && both.size() == first.size() + second.size() &&
              both.starts_with(first) && both.ends_with(second),
          "tokenizer: merge {}: expected a token made of its two sides, got ids {} and {} for {}",
          rank, left, right, result);
    check(!is_special(result), "tokenizer: merge {} makes the special token \"{}\"", rank, both);
  }
}

VISPLAY_INLINE void Tokenizer::mark_whole() {
  whole_.resize(std::size_t(size()));
  MergeWork work;
  for (std::size_t id = 0; id < vocabulary_.tokens.size(); ++id) {
    const std::string& token = vocabulary_.tokens[id];
    if (token.empty()) continue;
    const auto ids = merges_.apply(token, work);
    whole_[id] = vocabulary_.ignore_merges || (ids.size() == 1 && ids[0] == std::int64_t(id));
  }
}

/// One call of encode: what it has so far, and scratch that grows to the longest piece.
class Tokenizer::Encoding {
 public:
  explicit Encoding(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  /// Appends the tokens of a text: calls between for what lies between two matches.
  template <class Between>
  void split(const AddedTokenFinder& finder, std::string_view text, const Between& between) {
    std::size_t searched = 0, taken = 0;
    for (;;) {
      const Match match = finder.find(text, searched, taken);
      if (taken < match.begin) between(text.substr(taken, match.begin - taken));
      if (match.size == 0) break;
      ids_.push_back(match.id);
      taken = match.begin + match.size;
      searched = match.resume;
    }
  }

  void add(std::string_view text) {
    split(tokenizer_.added_, text, [this](std::string_view part) { add_normalized(part); });
  }

  void add_normalized(std::string_view text) {
    split(tokenizer_.normalized_, normal(text),
          [this](std::string_view part) { add_pieces(part); });
  }

  void add_plain(std::string_view text) { add_pieces(normal(text)); }

  std::vector<std::int64_t> take() { return std::move(ids_); }

 private:
  std::string_view normal(std::string_view text) {
    return tokenizer_.vocabulary_.nfc ? nfc(text, normal_) : valid_utf8(text, normal_);
  }

  void add_pieces(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t size = piece_size(text, at);
      add_piece(text.substr(at, size));
      at += size;
    }
  }

  void add_piece(std::string_view piece) {
    const std::int32_t id = tokenizer_.table_.find(piece);
    if (id != TokenTable::none && tokenizer_.whole_[std::size_t(id)]) {
      ids_.push_back(id);
      return;
    }
    const auto ids = tokenizer_.merges_.apply(piece, work_);
    ids_.insert(ids_.end(), ids.begin(), ids.end());
  }

  const Tokenizer& tokenizer_;
  std::vector<std::int64_t> ids_{};
  std::string normal_{};
  MergeWork work_{};
};

VISPLAY_INLINE Tokenizer::Match Tokenizer::find_added(std::string_view text,
                                                      std::size_t from) const {
  return spelled_.find(text, from, from);
}

VISPLAY_INLINE std::vector<std::int64_t> Tokenizer::encode(std::string_view text) const {
  Encoding encoding(*this);
  encoding.add(text);
  return encoding.take();
}

VISPLAY_INLINE std::vector<std::int64_t> Tokenizer::encode_plain(std::string_view text) const {
  Encoding encoding(*this);
  encoding.add_plain(text);
  return encoding.take();
}

VISPLAY_INLINE std::string Tokenizer::decode(std::span<const std::int64_t> ids,
                                             bool skip_special) const {
  std::string bytes;
  for (const std::int64_t id : ids)
    if (!skip_special || !is_special(id)) bytes += bytes_of(id);
  return valid_utf8(bytes);
}

VISPLAY_INLINE bool Tokenizer::is_special(std::int64_t id) const {
  return id >= 0 && id < std::int64_t(special_.size()) && special_[std::size_t(id)];
}

VISPLAY_INLINE std::optional<std::int64_t> Tokenizer::find(std::string_view token) const {
  const auto added = added_ids_.find(std::string(token));
  if (added != added_ids_.end()) return added->second;
  const std::int32_t id = table_.find(token);
  return id == TokenTable::none ? std::nullopt : std::optional<std::int64_t>(id);
}

VISPLAY_INLINE std::int64_t Tokenizer::id_of(std::string_view token) const {
  const auto id = find(token);
  check(id.has_value(), "tokenizer: expected a token \"{}\", got a vocabulary without it", token);
  return *id;
}

VISPLAY_INLINE std::string StreamingDecoder::push(std::int64_t id) {
  if (skip_special_ && tokenizer_->is_special(id)) return {};
  held_ += tokenizer_->bytes_of(id);
  const std::size_t ready = held_.size() - incomplete_utf8_tail(held_);
  std::string text = valid_utf8(std::string_view(held_).substr(0, ready));
  held_.erase(0, ready);
  return text;
}

VISPLAY_INLINE std::string StreamingDecoder::finish() {
  return valid_utf8(std::exchange(held_, std::string()));
}

}  // namespace visplay
