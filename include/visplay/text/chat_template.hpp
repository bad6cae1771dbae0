// ChatTemplate: how a prompt becomes text for the model. ChatML with images, as Qwen2-VL,
// Qwen2.5-VL, Qwen3-VL and MiMo-VL use it:
//
//   <|im_start|>system\nYou are a helpful assistant.<|im_end|>\n
//   <|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>What is this?<|im_end|>\n
//   <|im_start|>assistant\n
//
//   const auto ids = encode_chat(tokenizer, {}, prompt, image_token_counts);
//
// Text of a prompt is encoded as plain text: `<|im_end|>` in a question ends nothing.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/data/prompt.hpp>
#include <visplay/text/tokenizer.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace visplay {

/// A stretch of a rendered prompt.
struct Piece {
  enum class Kind {
    markup,  ///< the template's own text; control tokens are recognised
    plain,   ///< the prompt's text; encoded without control tokens
    image,   ///< where the image's features go; text is one `<|image_pad|>`
  };
  Kind kind = Kind::markup;
  std::string text{};

  bool operator==(const Piece&) const = default;
};

struct ChatTemplate {
  /// The system turn of a prompt without one; none: such a prompt has no system turn.
  std::optional<std::string> default_system = "You are a helpful assistant.";
  /// What the assistant's turn begins with; a reasoning model's template may open `<think>` here.
  std::string assistant_start{};
  bool images = true;  ///< false: the template has no place for images

  /// One system turn, one user turn (images in order, then the text), the generation prompt.
  /// @throws Error if the prompt has images and the template no place for them
  [[nodiscard]] std::vector<Piece> render(const Prompt& prompt) const;

  bool operator==(const ChatTemplate&) const = default;
};

/// The rendered prompt as one text, as jinja2 prints the template.
[[nodiscard]] std::string text_of(std::span<const Piece> pieces);

/// The model's input ids; image i takes image_token_counts[i] > 0 ids of `<|image_pad|>`.
/// Ids equal those of the text in one go, as long as the prompt's texts spell no control token.
/// @throws Error if the counts are not one per image, or the vocabulary lacks a control token
[[nodiscard]] std::vector<std::int64_t> encode_chat(
    const Tokenizer& tokenizer, const ChatTemplate& chat, const Prompt& prompt,
    std::span<const std::int64_t> image_token_counts);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/chat_template.ipp>
#endif
