// Bodies of tokenizer.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/text/pre_tokenize.hpp>
#include <visplay/text/tokenizer.hpp>
#include <visplay/text/unicode.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <queue>
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
  index_merges();
}

VISPLAY_INLINE void Tokenizer::index_tokens() {
  bytes_ = vocabulary_.tokens;
  ids_.reserve(bytes_.size() + vocabulary_.added.size());
  for (std::size_t id = 0; id < bytes_.size(); ++id) {
    if (bytes_[id].empty()) continue;
    const auto [at, fresh] = ids_.try_emplace(bytes_[id], id);
    check(fresh, "tokenizer: expected unique tokens, got the same text for ids {} and {}",
          at->second, id);
  }
  byte_ids_.resize(256);
  for (int byte = 0; byte < 256; ++byte) {
    const auto at = ids_.find(std::string(1, char(byte)));
    check(at != ids_.end(), "tokenizer: expected a token for each byte, got none for {:#04x}",
          byte);
    byte_ids_[byte] = at->second;
  }
}

VISPLAY_INLINE void Tokenizer::index_added() {
  // A few added tokens must not make us allocate much.
  const auto largest = size() + std::int64_t(vocabulary_.added.size()) + 65536;
  added_.resize(256);
  special_.resize(bytes_.size());
  for (const AddedToken& token : vocabulary_.added) {
    check(!token.text.empty() && token.id >= 0 && token.id < largest,
          "tokenizer: expected an added token with a text and an id below {}, got \"{}\" with {}",
          largest, token.text, token.id);
    if (token.id >= size()) {
      bytes_.resize(token.id + 1);
      special_.resize(token.id + 1);
    }
    std::string& bytes = bytes_[token.id];
    const auto at = ids_.try_emplace(token.text, token.id).first;
    check(at->second == token.id && (bytes.empty() || bytes == token.text),
          "tokenizer: added token \"{}\" with id {} collides with another token", token.text,
          token.id);
    bytes = token.text;
    special_[token.id] = token.special;
    added_[static_cast<unsigned char>(token.text[0])].push_back(token);
  }
  for (auto& tokens : added_)
    std::ranges::stable_sort(tokens, std::ranges::greater{},
                             [](const AddedToken& t) { return t.text.size(); });
}

VISPLAY_INLINE void Tokenizer::index_merges() {
  ranks_.reserve(vocabulary_.merges.size());
  const auto known = [&](std::int64_t id) { return id >= 0 && !bytes_of(id).empty(); };
  for (std::size_t rank = 0; rank < vocabulary_.merges.size(); ++rank) {
    const auto [left, right, result] = vocabulary_.merges[rank];
    check(known(left) && known(right) && known(result) &&
              bytes_[result].size() == bytes_[left].size() + bytes_[right].size() &&
              bytes_[result].starts_with(bytes_[left]) && bytes_[result].ends_with(bytes_[right]),
          "tokenizer: merge {}: expected a token made of its two sides, got ids {} and {} for {}",
          rank, left, right, result);
    check(!special_[result], "tokenizer: merge {} makes the special token \"{}\"", rank,
          bytes_[result]);
    // Of a pair listed twice the last counts, as in Hugging Face tokenizers.
    ranks_[pair_key(left, right)] = {std::int32_t(rank), result};
  }
}

VISPLAY_INLINE const Tokenizer::Ranked* Tokenizer::ranked(std::int64_t left,
                                                          std::int64_t right) const {
  const auto at = ranks_.find(pair_key(left, right));
  return at == ranks_.end() ? nullptr : &at->second;
}

/// Merges of least rank first, the leftmost among equals: a heap of candidates over a linked list of
/// symbols, so that a long piece costs n log n.
VISPLAY_INLINE void Tokenizer::append_piece(std::vector<std::int64_t>& ids,
                                            std::string_view piece) const {
  struct Symbol {
    std::int64_t id;  // -1: merged into the one on its left
    std::size_t previous, next;
  };
  struct Candidate {
    std::int32_t rank, result;
    std::size_t at;
    std::int64_t left, right;  // stale once the symbols are no longer these
    bool operator>(const Candidate& other) const {
      return std::pair(rank, at) > std::pair(other.rank, other.at);
    }
  };
  const std::size_t none = piece.size();
  std::vector<Symbol> symbols;
  symbols.reserve(piece.size());
  for (std::size_t i = 0; i < piece.size(); ++i)
    symbols.push_back({byte_ids_[static_cast<unsigned char>(piece[i])], i ? i - 1 : none, i + 1});

  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto offer = [&](std::size_t at) {
    if (at == none || symbols[at].next == none) return;
    const std::int64_t left = symbols[at].id, right = symbols[symbols[at].next].id;
    if (const Ranked* r = ranked(left, right)) queue.push({r->rank, r->result, at, left, right});
  };
  for (std::size_t i = 0; i < piece.size(); ++i) offer(i);

  while (!queue.empty()) {
    const Candidate c = queue.top();
    queue.pop();
    Symbol& symbol = symbols[c.at];
    if (symbol.id != c.left || symbol.next == none || symbols[symbol.next].id != c.right) continue;
    symbols[symbol.next].id = -1;
    symbol.id = c.result;
    symbol.next = symbols[symbol.next].next;
    if (symbol.next != none) symbols[symbol.next].previous = c.at;
    offer(symbol.previous);
    offer(c.at);
  }
  for (std::size_t i = 0; i < none; i = symbols[i].next) ids.push_back(symbols[i].id);
}

VISPLAY_INLINE void Tokenizer::append_plain(std::vector<std::int64_t>& ids,
                                            std::string_view text) const {
  const std::string normal = nfc(text);
  for (std::size_t at = 0; at < normal.size();) {
    const std::size_t size = piece_size(normal, at);
    append_piece(ids, std::string_view(normal).substr(at, size));
    at += size;
  }
}

VISPLAY_INLINE Tokenizer::Match Tokenizer::find_added(std::string_view text,
                                                      std::size_t from) const {
  for (std::size_t at = from; at < text.size(); ++at)
    for (const AddedToken& token : added_[static_cast<unsigned char>(text[at])])
      if (text.substr(at).starts_with(token.text)) return {at, token.text.size(), token.id};
  return {text.size(), 0, -1};
}

VISPLAY_INLINE std::vector<std::int64_t> Tokenizer::encode(std::string_view text) const {
  std::vector<std::int64_t> ids;
  for (std::size_t at = 0; at < text.size();) {
    const Match match = find_added(text, at);
    append_plain(ids, text.substr(at, match.begin - at));
    if (match.size) ids.push_back(match.id);
    at = match.begin + match.size;
  }
  return ids;
}

VISPLAY_INLINE std::vector<std::int64_t> Tokenizer::encode_plain(std::string_view text) const {
  std::vector<std::int64_t> ids;
  append_plain(ids, text);
  return ids;
}

VISPLAY_INLINE std::string Tokenizer::decode(std::span<const std::int64_t> ids,
                                             bool skip_special) const {
  std::string bytes;
  for (const std::int64_t id : ids)
    if (!skip_special || !is_special(id)) bytes += bytes_of(id);
  return valid_utf8(bytes);
}

VISPLAY_INLINE std::string_view Tokenizer::bytes_of(std::int64_t id) const {
  return id >= 0 && id < size() ? std::string_view(bytes_[id]) : std::string_view();
}

VISPLAY_INLINE bool Tokenizer::is_special(std::int64_t id) const {
  return id >= 0 && id < size() && special_[id];
}

VISPLAY_INLINE std::optional<std::int64_t> Tokenizer::find(std::string_view token) const {
  const auto at = ids_.find(std::string(token));
  return at == ids_.end() ? std::nullopt : std::optional(at->second);
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
