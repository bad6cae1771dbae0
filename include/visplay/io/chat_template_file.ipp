// Bodies of chat_template_file.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/io/chat_template_file.hpp>
#include <visplay/io/durable_file.hpp>
#include <visplay/io/json.hpp>

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>

namespace visplay {
namespace detail {

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

struct TemplateSource {
  std::filesystem::path file;
  std::string jinja;
};

VISPLAY_INLINE TemplateSource find_chat_template(const std::filesystem::path& folder) {
  for (const auto name : {"processor_config.json", "chat_template.json", "chat_template.jinja",
                          "tokenizer_config.json"}) {
    const auto file = folder / name;
    if (!std::filesystem::exists(file)) continue;
    if (file.extension() == ".jinja") return {file, read_file(file, jinja::Limits{}.max_source)};
    if (auto text = template_in_json(file)) return {file, std::move(*text)};
  }
  throw Error(
      fmt::format("{}: expected a chat template in processor_config.json, chat_template.json, "
                  "chat_template.jinja or tokenizer_config.json, got none",
                  folder.string()));
}

/// eos_token and the like, as the template's own text. A token may be an object with "content".
VISPLAY_INLINE jinja::Variables special_tokens(const std::filesystem::path& folder) {
  jinja::Variables out;
  const auto file = folder / "tokenizer_config.json";
  if (!std::filesystem::exists(file)) return out;
  const Json root = read_json_file(file);
  for (const auto* name : {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token",
                           "cls_token", "mask_token"}) {
    const auto at = root.is_object() ? root.find(name) : root.end();
    if (at == root.end() || at->is_null()) continue;
    const auto token = at->is_object() ? json_field<std::string>(*at, "content", file.string())
                                       : json_field<std::string>(root, name, file.string());
    out.emplace_back(name, jinja::Value::text(token, jinja::Mark::markup));
  }
  return out;
}

}  // namespace detail

VISPLAY_INLINE ChatTemplate read_chat_template(const std::filesystem::path& folder) {
  auto [file, jinja] = detail::find_chat_template(folder);
  return ChatTemplate(std::move(jinja), file.string(), detail::special_tokens(folder));
}

VISPLAY_INLINE void write_chat_template(const std::filesystem::path& folder,
                                        const ChatTemplate& chat) {
  replace_file(folder / "chat_template.jinja", chat.source());
}

}  // namespace visplay
