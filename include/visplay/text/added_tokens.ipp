// Bodies of added_tokens.hpp.
#pragma once

#include <visplay/text/added_tokens.hpp>
#include <visplay/text/unicode.hpp>

#include <algorithm>

namespace visplay {
namespace detail {

/// The character that ends before byte `at`; at > 0.
VISPLAY_INLINE CodePoint decode_utf8_before(std::string_view text, std::size_t at) {
  for (std::size_t size = 1; size <= std::min<std::size_t>(4, at); ++size) {
    const CodePoint c = decode_utf8(text.substr(0, at), at - size);
    if (c.valid && c.size == size) return c;
  }
  return {replacement_character, 1, false};
}

VISPLAY_INLINE std::size_t skip_space_before(std::string_view text, std::size_t at) {
  while (at > 0) {
    const CodePoint c = decode_utf8_before(text, at);
    if (!is_space(c.value)) break;
    at -= c.size;
  }
  return at;
}

VISPLAY_INLINE std::size_t skip_space_after(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const CodePoint c = decode_utf8(text, at);
    if (!is_space(c.value)) break;
    at += c.size;
  }
  return at;
}

VISPLAY_INLINE bool beside_word(std::string_view text, std::size_t begin, std::size_t end) {
  return (begin > 0 && is_word(decode_utf8_before(text, begin).value)) ||
         (end < text.size() && is_word(decode_utf8(text, end).value));
}

}  // namespace detail

VISPLAY_INLINE void AddedTokenFinder::add(const AddedToken& token, std::string_view text) {
  std::uint32_t node = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const auto [child, fresh] =
        children_.try_emplace(std::uint64_t(node) << 8 | byte, std::uint32_t(ends_.size()));
    if (fresh) ends_.push_back(-1);
    node = child->second;
  }
  ends_[node] = std::int32_t(tokens_.size());
  tokens_.push_back({token.id, text.size(), token.lstrip, token.rstrip, token.single_word});
  const auto first = static_cast<unsigned char>(text[0]);
  if (!starts_[first]) first_bytes_ += text[0];
  starts_[first] = true;
}

/// Every text without added tokens is read through here once: memchr where they all begin alike, as
/// Qwen's do.
VISPLAY_INLINE std::size_t AddedTokenFinder::next_start(std::string_view text,
                                                        std::size_t from) const {
  if (first_bytes_.size() == 1) return std::min(text.find(first_bytes_[0], from), text.size());
  while (from < text.size() && !starts_[static_cast<unsigned char>(text[from])]) ++from;
  return from;
}

VISPLAY_INLINE const AddedTokenFinder::Rule* AddedTokenFinder::longest_at(std::string_view text,
                                                                          std::size_t at) const {
  const Rule* longest = nullptr;
  std::uint32_t node = 0;
  for (; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const auto child = children_.find(std::uint64_t(node) << 8 | byte);
    if (child == children_.end()) break;
    node = child->second;
    if (ends_[node] >= 0) longest = &tokens_[std::size_t(ends_[node])];
  }
  return longest;
}

VISPLAY_INLINE AddedTokenFinder::Match AddedTokenFinder::find(std::string_view text,
                                                              std::size_t from,
                                                              std::size_t taken) const {
  if (empty()) return {text.size(), 0, -1, text.size()};
  for (std::size_t at = next_start(text, from); at < text.size(); at = next_start(text, at)) {
    const Rule* rule = longest_at(text, at);
    if (!rule) {
      ++at;
      continue;
    }
    const std::size_t resume = at + rule->size;
    if (rule->single_word && detail::beside_word(text, at, resume)) {
      at = resume;
      continue;
    }
    const std::size_t begin =
        rule->lstrip ? std::max(detail::skip_space_before(text, at), taken) : at;
    const std::size_t end = rule->rstrip ? detail::skip_space_after(text, resume) : resume;
    return {begin, end - begin, rule->id, resume};
  }
  return {text.size(), 0, -1, text.size()};
}

}  // namespace visplay
