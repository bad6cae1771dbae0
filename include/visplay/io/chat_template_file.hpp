// The chat template of a Hugging Face folder.
//
// Templates are Jinja programs. This reads the family that Qwen2-VL, Qwen2.5-VL, Qwen3, Qwen3-VL and
// MiMo share (ChatML; text/chat_template.hpp): it looks for the family's marks and takes from the
// file what its members differ in, the default system text and what the assistant's turn begins
// with. A template that is anything else is refused by the file's name.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/text/chat_template.hpp>

#include <filesystem>
#include <string>
#include <string_view>

namespace visplay {

/// From chat_template.jinja, else chat_template.json, else tokenizer_config.json.
/// @throws Error if the folder has none or it is of another family
[[nodiscard]] ChatTemplate read_chat_template(const std::filesystem::path& folder);

/// @param name  the file, for messages
[[nodiscard]] ChatTemplate parse_chat_template(std::string_view jinja, std::string_view name);

/// The rules of Qwen2.5-VL's template, system turns, several turns, videos and picture numbers
/// included, as Jinja that transformers and vLLM run.
[[nodiscard]] std::string jinja_of(const ChatTemplate& chat);

/// Writes chat_template.jinja into the folder. @throws Error
void write_chat_template(const std::filesystem::path& folder, const ChatTemplate& chat);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/io/chat_template_file.ipp>
#endif
