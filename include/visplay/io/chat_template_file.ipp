// Bodies of chat_template_file.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/io/chat_template_file.hpp>
#include <visplay/io/durable_file.hpp>
#include <visplay/io/json.hpp>

#include <algorithm>
#include <optional>

namespace visplay {
namespace detail {

inline constexpr std::size_t largest_template = 1 << 20;  // bytes

/// The template's own text from some place on: to the end of its string literal, or of raw text.
struct TemplateText {
  std::string text;           ///< escapes resolved
  std::size_t end;            ///< byte after it, at the closing quote or the opening brace
  bool understood = true;     ///< no escape beyond \n \r \t and quoting
  bool strips_after = false;  ///< raw text before a tag that removes the white space in front of it
};

/// @param at  inside the literal or raw text; `begin` is where it was recognised
VISPLAY_INLINE TemplateText template_text(std::string_view jinja, std::size_t begin,
                                          std::size_t at) {
  const char before = begin ? jinja[begin - 1] : '\0';
  const bool quoted = before == '\'' || before == '"';
  TemplateText out{.text = {}, .end = at};
  for (; out.end < jinja.size(); ++out.end) {
    const char c = jinja[out.end];
    if (quoted && c == before) break;
    if (quoted && c == '\\' && out.end + 1 < jinja.size()) {
      const char escaped = jinja[++out.end];
      out.understood &= std::string_view("nrt'\"\\").find(escaped) != std::string_view::npos;
      out.text += escaped == 'n' ? '\n' : escaped == 'r' ? '\r' : escaped == 't' ? '\t' : escaped;
      continue;
    }
    const std::string_view tag = jinja.substr(out.end, 3);
    if (!quoted && (tag.starts_with("{{") || tag.starts_with("{%") || tag.starts_with("{#"))) {
      out.strips_after = tag.ends_with('-');
      break;
    }
    out.text += c;
  }
  return out;
}

/// Reads one template of the family; keeps the file's name for messages.
class ChatTemplateReader {
 public:
  ChatTemplateReader(std::string_view jinja, std::string_view name) : jinja_(jinja), name_(name) {}

  ChatTemplate read() const {
    for (const auto mark : {"<|im_start|>", "<|im_end|>", "add_generation_prompt"})
      expect(jinja_.find(mark) != jinja_.npos);
    for (const auto strange : {"macro", "|trim", "| trim", "strftime_now", "[INST]"})
      expect(jinja_.find(strange) == jinja_.npos);
    refuse_texts_in_variables();
    ChatTemplate chat;
    chat.default_system = default_system();
    chat.assistant_start = assistant_start();
    chat.images = jinja_.find("<|vision_start|><|image_pad|><|vision_end|>") != jinja_.npos;
    expect(chat.images || jinja_.find("image") == jinja_.npos);
    return chat;
  }

 private:
  void expect(bool ok) const {
    check(ok,
          "{}: expected a chat template of the ChatML family (Qwen2-VL, Qwen2.5-VL, Qwen3, MiMo), "
          "got another one",
          name_);
  }

  /// A system text may hide in a variable: `{% set x = 'You are ...' %}`.
  void refuse_texts_in_variables() const {
    for (auto at = jinja_.find("set "); at != jinja_.npos; at = jinja_.find("set ", at + 1)) {
      const auto value = jinja_.find_first_not_of(" =", jinja_.find('=', at));
      if (value == jinja_.npos || (jinja_[value] != '\'' && jinja_[value] != '"')) continue;
      expect(template_text(jinja_, value + 1, value + 1).text.find(' ') == std::string::npos);
    }
  }

  /// The text between `<|im_start|>system\n` and `<|im_end|>` where it is written out.
  std::optional<std::string> default_system() const {
    constexpr std::string_view opening = "<|im_start|>system";
    std::optional<std::string> found;
    for (auto at = jinja_.find(opening); at != jinja_.npos; at = jinja_.find(opening, at + 1)) {
      const auto [text, after, understood, _] = template_text(jinja_, at, at + opening.size());
      expect(understood && text.starts_with('\n'));
      const auto end = text.find("<|im_end|>");
      if (end == std::string::npos) {
        expect(text == "\n");  // a message's own text follows
        continue;
      }
      expect(!found || *found == text.substr(1, end - 1));
      found = text.substr(1, end - 1);
    }
    return found;
  }

  /// What stands after `<|im_start|>assistant\n` in the generation prompt.
  std::string assistant_start() const {
    constexpr std::string_view opening = "<|im_start|>assistant";
    const auto at = jinja_.find(opening, jinja_.rfind("add_generation_prompt"));
    expect(at != jinja_.npos);
    const TemplateText start = template_text(jinja_, at, at + opening.size());
    expect(start.understood && start.text.starts_with('\n') && !start.strips_after);
    // Only the switch that turns thinking off may print more.
    const std::string_view rest = jinja_.substr(start.end);
    expect(rest.find("else") == rest.npos && rest.find("elif") == rest.npos);
    expect(rest.find("{{") == rest.npos || rest.find("enable_thinking is false") != rest.npos);
    return start.text.substr(1);
  }

  std::string_view jinja_, name_;
};

/// A string literal of Jinja.
VISPLAY_INLINE std::string jinja_literal(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\'' || c == '\\')
      out += {'\\', c};
    else
      out += c;
  }
  return out + "'";
}

/// The template in a JSON file: a text, or a list of named ones of which "default" counts.
VISPLAY_INLINE std::optional<std::string> template_in_json(const std::filesystem::path& file) {
  const Json root = read_json_file(file);
  const auto at = root.is_object() ? root.find("chat_template") : root.end();
  if (at == root.end() || at->is_null()) return std::nullopt;
  if (at->is_array())
    for (const Json& named : *at)
      if (named.is_object() && named.value("name", Json()) == "default")
        return json_field<std::string>(named, "template", file.string());
  return json_field<std::string>(root, "chat_template", file.string());
}

}  // namespace detail

VISPLAY_INLINE ChatTemplate parse_chat_template(std::string_view jinja, std::string_view name) {
  return detail::ChatTemplateReader(jinja, name).read();
}

VISPLAY_INLINE ChatTemplate read_chat_template(const std::filesystem::path& folder) {
  const auto jinja = folder / "chat_template.jinja";
  if (std::filesystem::exists(jinja))
    return parse_chat_template(read_file(jinja, detail::largest_template), jinja.string());
  for (const auto name : {"chat_template.json", "tokenizer_config.json"}) {
    const auto file = folder / name;
    if (!std::filesystem::exists(file)) continue;
    if (const auto text = detail::template_in_json(file))
      return parse_chat_template(*text, file.string());
  }
  throw Error(
      fmt::format("{}: expected a chat template in chat_template.jinja, "
                  "chat_template.json or tokenizer_config.json, got none",
                  folder.string()));
}

VISPLAY_INLINE std::string jinja_of(const ChatTemplate& chat) {
  std::string out =
      "{%- set seen = namespace(pictures=0, videos=0) -%}\n"
      "{%- for message in messages -%}\n";
  if (chat.default_system)
    out += "  {%- if loop.first and message['role'] != 'system' -%}\n    {{- " +
           detail::jinja_literal("<|im_start|>system\n" + *chat.default_system + "<|im_end|>\n") +
           " -}}\n  {%- endif -%}\n";
  out += R"(  {{- '<|im_start|>' + message['role'] + '\n' -}}
  {%- if message['content'] is string -%}
    {{- message['content'] -}}
  {%- else -%}
    {%- for part in message['content'] -%}
)";
  out += chat.images
             ? R"(      {%- if part['type'] == 'image' or 'image' in part or 'image_url' in part -%}
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
)"
             : "      {%- if 'text' in part -%}\n";
  out += R"(        {{- part['text'] -}}
      {%- endif -%}
    {%- endfor -%}
  {%- endif -%}
  {{- '<|im_end|>\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- )" +
         detail::jinja_literal("<|im_start|>assistant\n" + chat.assistant_start) +
         " -}}\n{%- endif -%}\n";
  return out;
}

VISPLAY_INLINE void write_chat_template(const std::filesystem::path& folder,
                                        const ChatTemplate& chat) {
  replace_file(folder / "chat_template.jinja", jinja_of(chat));
}

}  // namespace visplay
