// From a template's source to its tree.
//
// Read: set (names, several names, attributes of namespaces, blocks), for with a condition and else,
// break, continue, if, macro, with, raw, generation (without effect), comments, and expressions with
// everything of Jinja but calls of computed functions and * or ** in arguments. What else a template
// asks for is refused here, by name: other tags, filters, tests, methods, functions. So a template
// that parses can fail only over what a conversation holds, or over the limits.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/text/jinja/ast.hpp>
#include <visplay/text/jinja/limits.hpp>

#include <string_view>

namespace visplay::jinja {

/// @param name  the template's file, first words of every error
/// @throws Error  "name:line: ..."
[[nodiscard]] Block parse(std::string_view source, std::string_view name, const Limits& limits);

}  // namespace visplay::jinja

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/jinja/parser.ipp>
#endif
