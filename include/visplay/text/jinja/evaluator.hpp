// Runs a parsed template.
//
// Differs from jinja2 in what it refuses while running: integers beyond 64 bits, keys that are no
// texts, printing lists and mappings (use tojson), a method that is not called, namespaces, macros
// and loops inside of lists. A loop's condition is evaluated for all items before the first turn.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/text/jinja/ast.hpp>
#include <visplay/text/jinja/limits.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace visplay::jinja {

using Variables = std::vector<std::pair<std::string, Value>>;

/// What the template prints.
/// @param name  the template's file, first words of every error
/// @throws Error  "name:line: ..."
[[nodiscard]] MarkedText evaluate(const Block& body, std::string_view name,
                                  const Variables& variables, const Limits& limits);

}  // namespace visplay::jinja

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/jinja/evaluator.ipp>
#endif
