// The answer under its markup: what every grader reads first.
//
//   plain_answer("$\\left(\\dfrac{1}{2},\\,3\\right)$.")     // "(\frac{1}{2}, 3)"
//   plain_answer("**\\text{Yes}**")                          // "Yes"
//
// Off come math delimiters ($, \( \), \[ \]), \boxed, bold marks, a \text around all of it, full stops
// at the end, \left and \right and spacing commands. One spelling stays of what has several: \frac,
// * for \cdot, \times and their Unicode signs, <= and >= and !=, \pi, ° for ^\circ, - for the minus
// sign, x^{2} for x². Names and units keep a \text{...}, whatever they were set in.
#pragma once

#include <visplay/core/macros.hpp>

#include <string>
#include <string_view>

namespace visplay {

/// Single blanks, none at the ends. Linear in the text; at most eight times as long.
[[nodiscard]] std::string plain_answer(std::string_view answer);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/plain_answer.ipp>
#endif
