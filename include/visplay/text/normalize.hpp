// The normal form of a short answer: two answers with one normal form are the same to `Exact`.
#pragma once

#include <visplay/core/macros.hpp>

#include <string>
#include <string_view>

namespace visplay {

/// Lower-case ASCII letters, single spaces, none at the ends, no full stops at the end (unless
/// nothing else is left). "  Red. " -> "red". Normalising twice changes nothing more.
[[nodiscard]] std::string normalize(std::string_view answer);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/normalize.ipp>
#endif
