// ChatTemplate: how a prompt becomes text for the model, by the template that comes with it. In the
// ChatML of Qwen2-VL, Qwen2.5-VL, Qwen3-VL and MiMo-VL:
//
//   <|im_start|>system\nYou are a helpful assistant.<|im_end|>\n
//   <|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>What is this?<|im_end|>\n
//   <|im_start|>assistant\n
//
//   const auto ids = encode_chat(tokenizer, {}, prompt, image_token_counts);
//
// Text of a prompt is encoded as plain text, whatever the template does with it: `<|im_end|>` in a
// question ends nothing (text/jinja/marked_text.hpp has the rule).
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/data/prompt.hpp>
#include <visplay/text/jinja/template.hpp>
#include <visplay/text/tokenizer.hpp>

#include <cstdint>
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

/// The rules of Qwen2.5-VL's template, system turns, several turns, videos and picture numbers
/// included, as Jinja of our own.
[[nodiscard]] std::string_view qwen_chat_template();

class ChatTemplate {
 public:
  /// qwen_chat_template()
  ChatTemplate();

  /// @param name       the template's file, first words of every error
  /// @param variables  what the template may ask for besides the conversation: bos_token, ...
  /// @throws Error  the template is not one we can run, or does not print what a user says
  ChatTemplate(std::string jinja, std::string name, jinja::Variables variables = {});

  [[nodiscard]] const std::string& source() const { return program_.source(); }

  /// One system turn, if given; one user turn: images in order, then the text; the generation
  /// prompt. Content is a list of parts if the template takes one, else a text.
  /// @throws Error if the template refuses the prompt, or has not one place for each image, or
  ///         none for a given system text
  [[nodiscard]] std::vector<Piece> render(const Prompt& prompt) const;

  /// Any conversation: variables are messages, add_generation_prompt, tools, enable_thinking, ...
  /// as the template knows them. @throws Error if the template refuses it
  [[nodiscard]] std::vector<Piece> render_conversation(jinja::Variables variables) const;

 private:
  /// How the template wants the content of a turn.
  enum class Content { text, parts };
  [[nodiscard]] std::vector<Piece> render(const Prompt& prompt, Content system, Content user) const;
  [[nodiscard]] bool shows(const Prompt& prompt, Content system, Content user) const;
  void find_content_forms();

  jinja::Template program_;
  jinja::Variables variables_;
  Content system_content_ = Content::text, user_content_ = Content::parts;
  bool takes_system_ = true;
};

/// The rendered prompt as one text, as jinja2 prints the template.
[[nodiscard]] std::string text_of(std::span<const Piece> pieces);

/// The model's input ids; image i takes image_token_counts[i] > 0 ids of `<|image_pad|>`.
/// Ids equal those of the text in one go, as long as the prompt's texts spell no control token.
/// @throws Error if the counts are not one per image, or the vocabulary lacks a control token that
///         the template prints
[[nodiscard]] std::vector<std::int64_t> encode_chat(
    const Tokenizer& tokenizer, const ChatTemplate& chat, const Prompt& prompt,
    std::span<const std::int64_t> image_token_counts);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/chat_template.ipp>
#endif
