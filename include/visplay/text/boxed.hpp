// The answer in a model's output: the content of the last balanced \boxed{...}.
//
//   boxed("<think>...</think>\\boxed{\\frac{1}{2}}")      // "\frac{1}{2}"
//
// Braces are counted as mathruler counts them: every one, escaped or not.
#pragma once

#include <visplay/core/macros.hpp>

#include <optional>
#include <string_view>

namespace visplay {

/// Content of the balanced \boxed{...} that opens last, untrimmed, as a view into text. Of two
/// nested ones that is the inner. One that is cut off is not balanced: an earlier one counts.
/// Linear in the text; never throws for what the text holds.
[[nodiscard]] std::optional<std::string_view> boxed(std::string_view text);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/boxed.ipp>
#endif
