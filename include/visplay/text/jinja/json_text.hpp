// tojson: a value as JSON text, letter by letter as Python's json.dumps writes it with the settings
// of transformers: ensure_ascii off, so that other scripts stay readable, and no escapes for HTML.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/text/jinja/limits.hpp>
#include <visplay/text/jinja/value.hpp>

#include <optional>
#include <string>

namespace visplay::jinja {

struct JsonStyle {
  bool ascii = false;                  ///< \uXXXX for everything beyond ASCII
  std::optional<std::string> indent;   ///< of one level; none: all on one line
  std::optional<std::string> between;  ///< items; none: ", ", or "," before a line end
  std::string colon = ": ";
  bool sorted = false;  ///< keys by code point
};

/// Copied characters keep their marks; quotes, punctuation and escapes are plain.
/// @throws Error for undefined, namespaces, macros, loops and functions
[[nodiscard]] MarkedText json_text(const Value& value, const JsonStyle& style, Budget& budget);

}  // namespace visplay::jinja

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/jinja/json_text.ipp>
#endif
