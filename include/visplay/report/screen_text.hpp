// Text on its way to a terminal: made harmless, measured and cut in columns.
//
// Model text can hold anything, escape sequences that repaint the screen included; screen_line() is
// the gate that all of it passes.
#pragma once

#include <visplay/core/macros.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace visplay {

/// The text on one line: white space becomes single blanks; control characters, invalid UTF-8 and
/// marks that reorder text become '?'.
[[nodiscard]] std::string screen_line(std::string_view text);

/// Columns that a printable text takes: 2 for East Asian wide letters and most emoji, 0 for
/// combining marks.
[[nodiscard]] int columns_of(std::string_view text);

/// The text in exactly `columns` columns: cut with "..." or filled with blanks.
[[nodiscard]] std::string fitted(std::string_view text, int columns, bool to_right = false);

/// The text in at most `columns` columns.
[[nodiscard]] std::string shortened(std::string_view text, int columns);

/// "48s", "4m 10s", "2h 05m".
[[nodiscard]] std::string duration_text(double seconds);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/report/screen_text.ipp>
#endif
