// Bodies of chat_template.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/text/chat_template.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace visplay {
namespace detail {

inline constexpr std::string_view image_pad = "<|image_pad|>";

VISPLAY_INLINE void append_piece(std::vector<Piece>& pieces, Piece::Kind kind,
                                 std::string_view text) {
  if (text.empty()) return;
  const bool joins = kind != Piece::Kind::image && !pieces.empty() && pieces.back().kind == kind;
  if (!joins) pieces.push_back({kind, ""});
  pieces.back().text += text;
}

/// Markup and plain text as they alternate, the image pads of markup by themselves.
VISPLAY_INLINE std::vector<Piece> pieces_of(const jinja::MarkedText& text) {
  std::vector<Piece> pieces;
  std::size_t begin = 0;
  for (const auto& [end, mark] : text.runs()) {
    std::string_view run = std::string_view(text.bytes()).substr(begin, end - begin);
    begin = end;
    if (mark == jinja::Mark::plain) {
      append_piece(pieces, Piece::Kind::plain, run);
      continue;
    }
    for (auto at = run.find(image_pad); at != run.npos; at = run.find(image_pad)) {
      append_piece(pieces, Piece::Kind::markup, run.substr(0, at));
      append_piece(pieces, Piece::Kind::image, image_pad);
      run.remove_prefix(at + image_pad.size());
    }
    append_piece(pieces, Piece::Kind::markup, run);
  }
  return pieces;
}

VISPLAY_INLINE jinja::Value markup(std::string_view text) {
  return jinja::Value::text(std::string(text), jinja::Mark::markup);
}

/// {"type": "text", "text": ...}
VISPLAY_INLINE jinja::Value text_part(const std::string& text) {
  return jinja::Value::dict({{"type", markup("text")}, {"text", jinja::Value::text(text)}});
}

VISPLAY_INLINE jinja::Value turn(std::string_view role, jinja::Value content) {
  return jinja::Value::dict({{"role", markup(role)}, {"content", std::move(content)}});
}

/// Appends ids of a stretch without control tokens, and empties it.
VISPLAY_INLINE void flush_plain(const Tokenizer& tokenizer, std::string& plain,
                                std::vector<std::int64_t>& ids) {
  const auto more = tokenizer.encode_plain(plain);
  ids.insert(ids.end(), more.begin(), more.end());
  plain.clear();
}

/// What looks like a control token in markup without added tokens is one that the vocabulary lacks.
VISPLAY_INLINE void check_no_control_token(std::string_view text) {
  for (auto at = text.find("<|"); at != text.npos; at = text.find("<|", at + 1)) {
    const auto end = text.find("|>", at);
    const auto name = text.substr(at, end == text.npos ? end : end + 2 - at);
    check(end == text.npos || name.find_first_of(" \n") != name.npos,
          "encode_chat: the vocabulary lacks the control token {} of the chat template", name);
  }
}

/// Appends ids of the template's own text; what is plain of it waits in `plain`.
VISPLAY_INLINE void append_markup(const Tokenizer& tokenizer, std::string_view text,
                                  std::string& plain, std::vector<std::int64_t>& ids) {
  for (std::size_t at = 0; at < text.size();) {
    const auto match = tokenizer.find_added(text, at);
    check_no_control_token(text.substr(at, match.begin - at));
    plain += text.substr(at, match.begin - at);
    if (match.size) {
      flush_plain(tokenizer, plain, ids);
      ids.push_back(match.id);
    }
    at = match.begin + match.size;
  }
}

}  // namespace detail

VISPLAY_INLINE std::string_view qwen_chat_template() {
  return R"({%- set seen = namespace(pictures=0, videos=0) -%}
{%- for message in messages -%}
  {%- if loop.first and message['role'] != 'system' -%}
    {{- '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' -}}
  {%- endif -%}
  {{- '<|im_start|>' + message['role'] + '\n' -}}
  {%- if message['content'] is string -%}
    {{- message['content'] -}}
  {%- else -%}
    {%- for part in message['content'] -%}
      {%- if part['type'] == 'image' or 'image' in part or 'image_url' in part -%}
        {%- set seen.pictures = seen.pictures + 1 -%}
        {%- if add_vision_id -%}
          {{- 'Picture ' ~ seen.pictures ~ ': ' -}}
        {%- endif -%}
        {{- '<|vision_start|><|image_pad|><|vision_end|>' -}}
      {%- elif part['type'] == 'video' or 'video' in part -%}
        {%- set seen.videos = seen.videos + 1 -%}
        {%- if add_vision_id -%}
          {{- 'Video ' ~ seen.videos ~ ': ' -}}
        {%- endif -%}
        {{- '<|vision_start|><|video_pad|><|vision_end|>' -}}
      {%- elif 'text' in part -%}
        {{- part['text'] -}}
      {%- endif -%}
    {%- endfor -%}
  {%- endif -%}
  {{- '<|im_end|>\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '<|im_start|>assistant\n' -}}
{%- endif -%}
)";
}

VISPLAY_INLINE ChatTemplate::ChatTemplate()
    : program_(std::string(qwen_chat_template()), "Qwen2.5-VL's chat template") {}

VISPLAY_INLINE ChatTemplate::ChatTemplate(std::string jinja, std::string name,
                                          jinja::Variables variables)
    : program_(std::move(jinja), std::move(name)), variables_(std::move(variables)) {
  find_content_forms();
}

VISPLAY_INLINE bool ChatTemplate::shows(const Prompt& prompt, Content system, Content user) const {
  const auto said_once = [](std::string_view plain, const std::string& text) {
    const auto at = plain.find(text);
    return at != plain.npos && plain.find(text, at + 1) == plain.npos;
  };
  try {
    std::string plain;
    for (const Piece& piece : render(prompt, system, user))
      if (piece.kind == Piece::Kind::plain) plain += piece.text;
    return said_once(plain, prompt.text) && (!prompt.system || said_once(plain, *prompt.system));
  } catch (const Error&) {
    return false;  // this form is not for this template
  }
}

// Some templates go through parts, some only print texts; each ignores or refuses the other form.
VISPLAY_INLINE void ChatTemplate::find_content_forms() {
  const Prompt both{.system = "probe of the system turn", .text = "probe of the user turn"};
  const Prompt alone{.text = both.text};
  using enum Content;
  static constexpr std::pair<Content, Content> forms[] = {
      {Content::text, parts}, {parts, parts}, {Content::text, Content::text}};
  for (const Prompt& prompt : {both, alone})
    for (const auto& [system, user] : forms)
      if (shows(prompt, system, user)) {
        system_content_ = system;
        user_content_ = user;
        takes_system_ = prompt.system.has_value();
        return;
      }
  (void)render(alone, Content::text, Content::text);  // its own error says more, if it has one
  throw Error(fmt::format(
      "{}: expected a chat template that prints what the user says once, got one that does not",
      program_.name()));
}

VISPLAY_INLINE std::vector<Piece> ChatTemplate::render(const Prompt& prompt, Content system,
                                                       Content user) const {
  using jinja::Value;
  std::vector<Value> messages;
  if (prompt.system)
    messages.push_back(detail::turn(
        "system", system == Content::text ? Value::text(*prompt.system)
                                          : Value::list({detail::text_part(*prompt.system)})));
  if (user == Content::text) {
    messages.push_back(detail::turn("user", Value::text(prompt.text)));
  } else {
    std::vector<Value> parts(prompt.images.size(),
                             Value::dict({{"type", detail::markup("image")}}));
    parts.push_back(detail::text_part(prompt.text));
    messages.push_back(detail::turn("user", Value::list(std::move(parts))));
  }
  return render_conversation({{"messages", Value::list(std::move(messages))},
                              {"tools", Value()},
                              {"documents", Value()},
                              {"add_generation_prompt", Value::boolean(true)}});
}

VISPLAY_INLINE std::vector<Piece> ChatTemplate::render(const Prompt& prompt) const {
  check(takes_system_ || !prompt.system || prompt.system->empty(),
        "{}: expected a prompt without a system text, got one: the template has no place for it",
        program_.name());
  auto pieces = render(prompt, system_content_, user_content_);
  const auto places = std::ranges::count(pieces, Piece::Kind::image, &Piece::kind);
  check(std::size_t(places) == prompt.images.size(),
        "{}: expected a place for each of {} images, got {}", program_.name(), prompt.images.size(),
        places);
  return pieces;
}

VISPLAY_INLINE std::vector<Piece> ChatTemplate::render_conversation(
    jinja::Variables variables) const {
  variables.insert(variables.begin(), variables_.begin(), variables_.end());
  return detail::pieces_of(program_.render(variables));
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
  std::vector<std::int64_t> ids;
  std::string plain;  // grows across pieces: "user\n" and a text that begins with "\n" merge
  auto count = image_token_counts.begin();
  for (const Piece& piece : chat.render(prompt)) {
    if (piece.kind == Piece::Kind::plain) {
      plain += piece.text;
    } else if (piece.kind == Piece::Kind::markup) {
      detail::append_markup(tokenizer, piece.text, plain, ids);
    } else {
      check(*count > 0, "encode_chat: expected at least one token for an image, got {}", *count);
      detail::flush_plain(tokenizer, plain, ids);
      ids.insert(ids.end(), std::size_t(*count++), tokenizer.id_of(piece.text));
    }
  }
  detail::flush_plain(tokenizer, plain, ids);
  return ids;
}

}  // namespace visplay
