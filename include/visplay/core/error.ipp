// Bodies of error.hpp.
#pragma once

#include <visplay/core/error.hpp>

#include <fmt/args.h>
#include <fmt/format.h>

namespace visplay::detail {

VISPLAY_INLINE std::string sentence_of(std::string_view text,
                                       std::initializer_list<SentencePart> parts) {
  fmt::dynamic_format_arg_store<fmt::format_context> arguments;
  for (const SentencePart& part : parts)
    std::visit([&](const auto& value) { arguments.push_back(value); }, part);
  return fmt::vformat(fmt::string_view(text.data(), text.size()), arguments);
}

}  // namespace visplay::detail
