// Bodies of error.hpp.
#pragma once

#include <visplay/core/error.hpp>

#include <fmt/format.h>

namespace visplay::detail {

VISPLAY_INLINE void throw_error(fmt::string_view sentence, fmt::format_args args) {
  throw Error(fmt::vformat(sentence, args));
}

}  // namespace visplay::detail
