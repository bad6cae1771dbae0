// The chat template of a Hugging Face folder: a Jinja program (text/jinja/ runs it) and the special
// tokens that it may ask for by name.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/text/chat_template.hpp>

#include <filesystem>

namespace visplay {

/// From the first of these that has one, as transformers' processor looks for it (checked with
/// 5.23): processor_config.json, chat_template.json, chat_template.jinja, tokenizer_config.json. Of
/// a list of named templates the one called "default". bos_token, eos_token and the like come from
/// tokenizer_config.json.
/// @throws Error if the folder has none, or the template is not one we can run
[[nodiscard]] ChatTemplate read_chat_template(const std::filesystem::path& folder);

/// Writes chat_template.jinja into the folder. @throws Error
void write_chat_template(const std::filesystem::path& folder, const ChatTemplate& chat);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/io/chat_template_file.ipp>
#endif
