// Bodies of chat_template.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/text/chat_template.hpp>

#include <iterator>
#include <utility>

namespace visplay {
namespace detail {

/// Appends ids of a stretch without control tokens, and empties it.
VISPLAY_INLINE void flush_plain(const Tokenizer& tokenizer, std::string& plain,
                                std::vector<std::int64_t>& ids) {
  const auto more = tokenizer.encode_plain(plain);
  ids.insert(ids.end(), more.begin(), more.end());
  plain.clear();
}

}  // namespace detail

VISPLAY_INLINE std::vector<Piece> ChatTemplate::render(const Prompt& prompt) const {
  using Kind = Piece::Kind;
  check(
      images || prompt.images.empty(),
      "chat template: expected a prompt without images, got {}: the template has no place for them",
      prompt.images.size());
  std::vector<Piece> pieces;
  if (prompt.system || default_system) {
    pieces.push_back({Kind::markup, "<|im_start|>system\n"});
    if (prompt.system)
      pieces.push_back({Kind::plain, *prompt.system});
    else
      pieces.push_back({Kind::markup, *default_system});
    pieces.push_back({Kind::markup, "<|im_end|>\n"});
  }
  pieces.push_back({Kind::markup, "<|im_start|>user\n"});
  for (std::size_t i = 0; i < prompt.images.size(); ++i) {
    pieces.push_back({Kind::markup, "<|vision_start|>"});
    pieces.push_back({Kind::image, "<|image_pad|>"});
    pieces.push_back({Kind::markup, "<|vision_end|>"});
  }
  pieces.push_back({Kind::plain, prompt.text});
  pieces.push_back({Kind::markup, "<|im_end|>\n<|im_start|>assistant\n" + assistant_start});
  return pieces;
}

VISPLAY_INLINE std::string text_of(std::span<const Piece> pieces) {
  std::string text;
  for (const Piece& piece : pieces) text += piece.text;
  return text;
}

VISPLAY_INLINE std::vector<std::int64_t> encode_chat(
    const Tokenizer& tokenizer, const ChatTemplate& chat, const Prompt& prompt,
    std::span<const std::int64_t> image_token_counts) {
  check(image_token_counts.size() == prompt.images.size(),
        "encode_chat: expected a token count for each of {} images, got {}", prompt.images.size(),
        image_token_counts.size());
  for (const auto token : {"<|im_start|>", "<|im_end|>"}) (void)tokenizer.id_of(token);
  if (!prompt.images.empty())
    for (const auto token : {"<|vision_start|>", "<|vision_end|>"}) (void)tokenizer.id_of(token);

  std::vector<std::int64_t> ids;
  std::string plain;  // grows across pieces: "user\n" and a text that begins with "\n" merge
  auto count = image_token_counts.begin();
  for (const Piece& piece : chat.render(prompt)) {
    if (piece.kind == Piece::Kind::plain) {
      plain += piece.text;
    } else if (piece.kind == Piece::Kind::image) {
      check(*count > 0, "encode_chat: expected at least one token for an image, got {}", *count);
      detail::flush_plain(tokenizer, plain, ids);
      ids.insert(ids.end(), std::size_t(*count++), tokenizer.id_of(piece.text));
    } else {
      const std::string_view text = piece.text;
      for (std::size_t at = 0; at < text.size();) {
        const auto match = tokenizer.find_added(text, at);
        plain += text.substr(at, match.begin - at);
        if (match.size) {
          detail::flush_plain(tokenizer, plain, ids);
          ids.push_back(match.id);
        }
        at = match.begin + match.size;
      }
    }
  }
  detail::flush_plain(tokenizer, plain, ids);
  return ids;
}

}  // namespace visplay
