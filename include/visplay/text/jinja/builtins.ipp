// Bodies of builtins.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/text/jinja/builtins.hpp>
#include <visplay/text/jinja/json_text.hpp>
#include <visplay/text/jinja/operations.hpp>
#include <visplay/text/unicode.hpp>
#include <visplay/text/whitespace.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

namespace visplay::jinja {
namespace detail {

// ---- what several share ----

VISPLAY_INLINE bool given(const std::optional<Value>& argument) {
  return argument && !argument->is<None>();
}

/// The characters of a text as a set.
VISPLAY_INLINE std::set<char32_t> characters_of(std::string_view text, Budget& budget) {
  std::set<char32_t> out;
  budget.spend(text.size() / 8);
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text, at);
    out.insert(point.value);
    at += point.size;
  }
  return out;
}

/// The text without characters of `which` (none: white space) at its sides.
VISPLAY_INLINE Value stripped(const Text& text, const std::optional<Value>& which, bool left,
                              bool right, Budget& budget) {
  const std::string_view bytes = text->bytes();
  budget.spend_text(bytes.size());
  std::set<char32_t> set;
  if (given(which)) set = characters_of(text_of(*which, "characters to strip")->bytes(), budget);
  const auto goes = [&](std::size_t at) {
    return given(which) ? set.contains(decode_utf8(bytes, at).value)
                        : leading_space(bytes.substr(at)) > 0;
  };
  std::size_t begin = 0, end = bytes.size();
  while (left && begin < end && goes(begin)) begin += decode_utf8(bytes, begin).size;
  while (right && begin < end) {
    std::size_t last = end - 1;
    while (last > begin && (static_cast<unsigned char>(bytes[last]) & 0xC0) == 0x80) --last;
    if (!goes(last)) break;
    end = last;
  }
  return Value::text(text->slice(begin, end));
}

VISPLAY_INLINE Value replaced(const Text& text, const Text& old, const Text& with,
                              const std::optional<Value>& count, Budget& budget) {
  check(old->size() > 0, "expected a text to replace, got an empty one");
  const std::int64_t limit = given(count) ? integer_of(*count, "how often to replace") : -1;
  MarkedText out;
  std::size_t from = 0;
  budget.spend_text(text->size() + old->size());
  for (std::int64_t done = 0; limit < 0 || done < limit; ++done) {
    const auto at = find_piece(text->bytes(), old->bytes(), from);
    if (at == std::string::npos) break;
    budget.spend((with->size() + with->runs().size()) / 64 + 1);
    budget.check_size(out.size() + (at - from) + with->size());
    out.append(*text, from, at);
    out.append(*with);
    from = at + old->size();
  }
  budget.check_size(out.size() + (text->size() - from));
  out.append(*text, from, text->size());
  return Value::text(std::move(out));
}

/// @param each  makes a text of an item
template <class Each>
Value joined_items(const Value& items, const MarkedText& separator, Each each, Budget& budget) {
  MarkedText out;
  bool first = true;
  for (const Value& item : items_of(items, budget)) {
    const Text text = each(item);
    budget.spend(text->size() / 64 + separator.size() / 64 + 1);
    if (!first) out.append(separator);
    out.append(*text);
    budget.check_size(out.size());
    first = false;
  }
  return Value::text(std::move(out));
}

VISPLAY_INLINE const DictData& dict_of(const Value& value, std::string_view what) {
  if (const auto* undefined = value.as<Undefined>())
    throw Error(fmt::format("'{}' is undefined", *undefined->name));
  const auto* dict = value.as<Dict>();
  check(dict, "expected a mapping for {}, got {}", what, value.type_name());
  return **dict;
}

VISPLAY_INLINE Value fields_of(const DictData& dict, Budget& budget) {
  std::vector<Value> out;
  for (const auto& [key, value] : dict.fields)
    out.push_back(make_list({Value(key), value}, true, budget));
  return make_list(std::move(out), false, budget);
}

// ---- filters ----

VISPLAY_INLINE Value filter_tojson(const Value& value, Arguments arguments, Budget& budget) {
  JsonStyle style;
  style.ascii = given(arguments[0]) && truth(*arguments[0]);
  if (given(arguments[1])) {
    if (const auto* text = arguments[1]->as<Text>()) {
      style.indent = (*text)->bytes();
    } else {
      const auto width = integer_of(*arguments[1], "the indent of tojson");
      check(width <= 64, "expected an indent of tojson of at most 64, got {}", width);
      style.indent = std::string(std::size_t(std::max<std::int64_t>(0, width)), ' ');
    }
  }
  if (given(arguments[2])) {
    const auto* pair = arguments[2]->as<List>();
    check(pair && (*pair)->items.size() == 2, "expected two separators of tojson");
    style.between = text_of((*pair)->items[0], "a separator of tojson")->bytes();
    style.colon = text_of((*pair)->items[1], "a separator of tojson")->bytes();
  }
  style.sorted = given(arguments[3]) && truth(*arguments[3]);
  return Value::text(json_text(value, style, budget));
}

VISPLAY_INLINE Value filter_trim(const Value& value, Arguments arguments, Budget& budget) {
  return stripped(printed(value, budget), arguments[0], true, true, budget);
}

VISPLAY_INLINE Value filter_length(const Value& value, Arguments, Budget& budget) {
  return Value::integer(length_of(value, budget));
}

VISPLAY_INLINE Value filter_default(const Value& value, Arguments arguments, Budget&) {
  const bool any_false = arguments[1] && truth(*arguments[1]);
  if (!value.is<Undefined>() && (!any_false || truth(value))) return value;
  return arguments[0] ? *arguments[0] : Value::text("");
}

VISPLAY_INLINE Value filter_join(const Value& value, Arguments arguments, Budget& budget) {
  const MarkedText separator = arguments[0] ? *printed(*arguments[0], budget) : MarkedText();
  return joined_items(
      value, separator, [&](const Value& item) { return printed(item, budget); }, budget);
}

VISPLAY_INLINE Value filter_items(const Value& value, Arguments, Budget& budget) {
  if (value.is<Undefined>()) return make_list({}, false, budget);
  return fields_of(dict_of(value, "items"), budget);
}

VISPLAY_INLINE Value filter_list(const Value& value, Arguments, Budget& budget) {
  return make_list(items_of(value, budget), false, budget);
}

VISPLAY_INLINE Value filter_string(const Value& value, Arguments, Budget& budget) {
  return Value(printed(value, budget));
}

VISPLAY_INLINE Value filter_first(const Value& value, Arguments, Budget& budget) {
  auto items = items_of(value, budget);
  return items.empty() ? Value::undefined("the first item of nothing") : items.front();
}

VISPLAY_INLINE Value filter_last(const Value& value, Arguments, Budget& budget) {
  auto items = items_of(value, budget);
  return items.empty() ? Value::undefined("the last item of nothing") : items.back();
}

VISPLAY_INLINE Value filter_replace(const Value& value, Arguments arguments, Budget& budget) {
  return replaced(printed(value, budget), printed(*arguments[0], budget),
                  printed(*arguments[1], budget), arguments[2], budget);
}

// ---- tests ----

VISPLAY_INLINE Value test_defined(const Value& value, Arguments, Budget&) {
  return Value::boolean(!value.is<Undefined>());
}
VISPLAY_INLINE Value test_undefined(const Value& value, Arguments, Budget&) {
  return Value::boolean(value.is<Undefined>());
}
template <class T>
Value test_is(const Value& value, Arguments, Budget&) {
  return Value::boolean(value.is<T>());
}
VISPLAY_INLINE Value test_number(const Value& value, Arguments, Budget&) {
  return Value::boolean(value.is<bool>() || value.is<std::int64_t>() || value.is<double>());
}
template <bool wanted>
Value test_truth(const Value& value, Arguments, Budget&) {
  const auto* truth = value.as<bool>();
  return Value::boolean(truth && *truth == wanted);
}
// In jinja2 an undefined value is an empty sequence.
VISPLAY_INLINE Value test_sequence(const Value& value, Arguments, Budget&) {
  return Value::boolean(value.is<Text>() || value.is<List>() || value.is<Dict>() ||
                        value.is<Undefined>());
}
template <Comparison::Operator op>
Value test_comparison(const Value& value, Arguments arguments, Budget& budget) {
  return Value::boolean(compare(op, value, *arguments[0], budget));
}

// ---- methods ----

/// Does the text begin (or end) with the argument, or with one of a tuple?
template <class Holds>
Value affix(const Value& value, const Value& argument, Holds holds, Budget& budget) {
  const std::string_view bytes = text_of(value, "a method of texts")->bytes();
  const auto one = [&](const Value& piece) {
    const std::string_view wanted = text_of(piece, "startswith or endswith")->bytes();
    budget.spend(wanted.size() / 64);
    return holds(bytes, wanted);
  };
  const auto* tuple = argument.as<List>();
  if (!tuple || !(*tuple)->tuple) return Value::boolean(one(argument));
  return Value::boolean(std::ranges::any_of((*tuple)->items, one));
}

VISPLAY_INLINE Value method_startswith(const Value& value, Arguments arguments, Budget& budget) {
  return affix(
      value, *arguments[0], [](auto text, auto piece) { return text.starts_with(piece); }, budget);
}
VISPLAY_INLINE Value method_endswith(const Value& value, Arguments arguments, Budget& budget) {
  return affix(
      value, *arguments[0], [](auto text, auto piece) { return text.ends_with(piece); }, budget);
}

template <bool left, bool right>
Value method_strip(const Value& value, Arguments arguments, Budget& budget) {
  return stripped(text_of(value, "strip"), arguments[0], left, right, budget);
}

/// At runs of white space, none at the ends.
VISPLAY_INLINE std::vector<Value> split_words(const MarkedText& text, std::int64_t limit,
                                              Budget& budget) {
  std::vector<Value> out;
  const std::string_view bytes = text.bytes();
  for (std::size_t at = 0;;) {
    while (const std::size_t space = leading_space(bytes.substr(at))) at += space;
    if (at == bytes.size()) return out;
    std::size_t end = at;
    while (end < bytes.size() && !leading_space(bytes.substr(end))) ++end;
    if (limit >= 0 && std::int64_t(out.size()) == limit) end = bytes.size();
    budget.spend();
    out.push_back(Value::text(text.slice(at, end)));
    at = end;
  }
}

VISPLAY_INLINE Value method_split(const Value& value, Arguments arguments, Budget& budget) {
  const Text& text = text_of(value, "split");
  const std::int64_t limit = given(arguments[1]) ? integer_of(*arguments[1], "maxsplit") : -1;
  budget.spend_text(text->size());
  if (!given(arguments[0])) return make_list(split_words(*text, limit, budget), false, budget);
  const std::string& separator = text_of(*arguments[0], "a separator")->bytes();
  check(!separator.empty(), "expected a separator, got an empty text");
  budget.spend_text(separator.size());
  std::vector<Value> out;
  std::size_t from = 0;
  while (limit < 0 || std::int64_t(out.size()) < limit) {
    const auto at = find_piece(text->bytes(), separator, from);
    if (at == std::string::npos) break;
    budget.spend();
    out.push_back(Value::text(text->slice(from, at)));
    from = at + separator.size();
  }
  out.push_back(Value::text(text->slice(from, text->size())));
  return make_list(std::move(out), false, budget);
}

VISPLAY_INLINE Value method_replace(const Value& value, Arguments arguments, Budget& budget) {
  return replaced(text_of(value, "replace"), text_of(*arguments[0], "replace"),
                  text_of(*arguments[1], "replace"), arguments[2], budget);
}

VISPLAY_INLINE Value method_join(const Value& value, Arguments arguments, Budget& budget) {
  return joined_items(
      *arguments[0], *text_of(value, "join"),
      [](const Value& item) { return text_of(item, "join"); }, budget);
}

VISPLAY_INLINE Value method_get(const Value& value, Arguments arguments, Budget& budget) {
  const DictData& dict = dict_of(value, "get");
  budget.spend(dict.fields.size() / 16 + 1);
  const auto* key = arguments[0]->as<Text>();
  if (const Value* found = key ? dict.find((*key)->bytes()) : nullptr) return *found;
  return arguments[1] ? *arguments[1] : Value();
}

VISPLAY_INLINE Value method_items(const Value& value, Arguments, Budget& budget) {
  return fields_of(dict_of(value, "items"), budget);
}
VISPLAY_INLINE Value method_keys(const Value& value, Arguments, Budget& budget) {
  (void)dict_of(value, "keys");
  return make_list(items_of(value, budget), false, budget);
}
VISPLAY_INLINE Value method_values(const Value& value, Arguments, Budget& budget) {
  std::vector<Value> out;
  for (const auto& field : dict_of(value, "values").fields) out.push_back(field.second);
  return make_list(std::move(out), false, budget);
}

VISPLAY_INLINE std::span<const Builtin> builtins() {
  using enum Builtin::Kind;
  using C = Comparison::Operator;
  static constexpr Builtin table[] = {
      {filter, "tojson", filter_tojson, {"ensure_ascii", "indent", "separators", "sort_keys"}},
      {filter, "trim", filter_trim, {"chars"}},
      {filter, "length", filter_length},
      {filter, "count", filter_length},
      {filter, "default", filter_default, {"default_value", "boolean"}},
      {filter, "d", filter_default, {"default_value", "boolean"}},
      {filter, "join", filter_join, {"d"}},
      {filter, "items", filter_items},
      {filter, "list", filter_list},
      {filter, "string", filter_string},
      {filter, "safe", filter_string},
      {filter, "first", filter_first},
      {filter, "last", filter_last},
      {filter, "replace", filter_replace, {"old", "new", "count"}, 2},
      {test, "defined", test_defined},
      {test, "undefined", test_undefined},
      {test, "none", test_is<None>},
      {test, "string", test_is<Text>},
      {test, "integer", test_is<std::int64_t>},
      {test, "float", test_is<double>},
      {test, "boolean", test_is<bool>},
      {test, "mapping", test_is<Dict>},
      {test, "number", test_number},
      {test, "true", test_truth<true>},
      {test, "false", test_truth<false>},
      {test, "iterable", test_sequence},
      {test, "sequence", test_sequence},
      {test, "in", test_comparison<C::in>, {"seq"}, 1},
      {test, "eq", test_comparison<C::equal>, {"b"}, 1},
      {test, "equalto", test_comparison<C::equal>, {"b"}, 1},
      {test, "ne", test_comparison<C::not_equal>, {"b"}, 1},
      {method, "startswith", method_startswith, {"prefix"}, 1},
      {method, "endswith", method_endswith, {"suffix"}, 1},
      {method, "split", method_split, {"sep", "maxsplit"}},
      {method, "strip", method_strip<true, true>, {"chars"}},
      {method, "lstrip", method_strip<true, false>, {"chars"}},
      {method, "rstrip", method_strip<false, true>, {"chars"}},
      {method, "replace", method_replace, {"old", "new", "count"}, 2},
      {method, "join", method_join, {"iterable"}, 1},
      {method, "get", method_get, {"key", "default"}, 1},
      {method, "items", method_items},
      {method, "keys", method_keys},
      {method, "values", method_values},
  };
  return table;
}

}  // namespace detail

VISPLAY_INLINE const Builtin* find_builtin(Builtin::Kind kind, std::string_view name) {
  for (const Builtin& builtin : detail::builtins())
    if (builtin.kind == kind && builtin.name == name) return &builtin;
  return nullptr;
}

}  // namespace visplay::jinja
