// Operators of template expressions, with Python's meaning: numbers, comparisons, subscripts,
// slices, and what a value prints as.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/text/jinja/ast.hpp>
#include <visplay/text/jinja/limits.hpp>
#include <visplay/text/jinja/value.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace visplay::jinja {

/// False for undefined, none, false, zero and everything empty.
[[nodiscard]] bool truth(const Value& value);

/// ==. Numbers and booleans compare by value, everything else only within its type.
[[nodiscard]] bool equal(const Value& a, const Value& b, Budget& budget);

/// One link of a comparison. @throws Error for an order of values that have none
[[nodiscard]] bool compare(Comparison::Operator op, const Value& a, const Value& b, Budget& budget);

/// + - * / // % ** ~. @throws Error if the operator is not for these values, or a number too large
[[nodiscard]] Value binary(Binary::Operator op, const Value& a, const Value& b, Budget& budget);

/// Unary minus and plus. @throws Error unless the value is a number
[[nodiscard]] Value signed_number(bool negative, const Value& value);

/// str(): texts as they are, undefined as nothing, numbers, none and booleans in Python's spelling.
/// @throws Error for lists, mappings and others, whose Python spelling no template means
[[nodiscard]] Text printed(const Value& value, Budget& budget);
/// A float as Python's repr prints it.
[[nodiscard]] std::string python_float(double number);

/// object[key]; undefined where there is none. @throws Error if the object is undefined
[[nodiscard]] Value item_of(const Value& object, const Value& key, Budget& budget);
/// object.name, which is not a method.
[[nodiscard]] Value attribute_of(const Value& object, const std::string& name, Budget& budget);

/// object[start:stop:step] of a list or of a text's characters; none: left out.
[[nodiscard]] Value slice_of(const Value& object, const std::optional<Value> (&bounds)[3],
                             Budget& budget);

/// What a for loop visits: items, keys, characters; nothing for undefined.
/// @throws Error if the value is no sequence
[[nodiscard]] std::vector<Value> items_of(const Value& value, Budget& budget);

/// len(). @throws Error if the value has none
[[nodiscard]] std::int64_t length_of(const Value& value, Budget& budget);

/// An integer, booleans being 0 and 1. @throws Error that says what it is for
[[nodiscard]] std::int64_t integer_of(const Value& value, std::string_view what);
/// @throws Error that says what it is for
[[nodiscard]] const Text& text_of(const Value& value, std::string_view what);

/// A list within the limits. @throws Error if it holds what lists may not, or is nested too deeply
[[nodiscard]] Value make_list(std::vector<Value> items, bool tuple, Budget& budget);
[[nodiscard]] Value make_dict(std::vector<std::pair<Text, Value>> fields, Budget& budget);
/// @throws Error for namespaces, macros, loops and functions, which only variables hold
void check_data(const Value& value);

}  // namespace visplay::jinja

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/jinja/operations.ipp>
#endif
