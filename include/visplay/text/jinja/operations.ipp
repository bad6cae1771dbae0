// Bodies of operations.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/text/jinja/operations.hpp>
#include <visplay/text/jinja/scope.hpp>
#include <visplay/text/unicode.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <compare>

namespace visplay::jinja {
namespace detail {

/// The value as a number if it is one: an integer, a boolean or a float.
struct Number {
  bool real = false;
  std::int64_t integer = 0;
  double value = 0;
};
VISPLAY_INLINE std::optional<Number> number_of(const Value& value) {
  if (const auto* truth = value.as<bool>()) return Number{false, *truth, double(*truth)};
  if (const auto* n = value.as<std::int64_t>()) return Number{false, *n, double(*n)};
  if (const auto* x = value.as<double>()) return Number{true, 0, *x};
  return std::nullopt;
}

VISPLAY_INLINE std::partial_ordering order(const Number& a, const Number& b) {
  if (!a.real && !b.real) return a.integer <=> b.integer;
  return a.value <=> b.value;
}

[[noreturn]] VISPLAY_INLINE void fail_undefined(const Undefined& value) {
  throw Error(fmt::format("'{}' is undefined", *value.name));
}
VISPLAY_INLINE void check_defined(const Value& value) {
  if (const auto* undefined = value.as<Undefined>()) fail_undefined(*undefined);
}

VISPLAY_INLINE bool lists_equal(const ListData& a, const ListData& b, Budget& budget) {
  return a.tuple == b.tuple &&
         std::ranges::equal(a.items, b.items,
                            [&](const Value& x, const Value& y) { return equal(x, y, budget); });
}

VISPLAY_INLINE bool dicts_equal(const DictData& a, const DictData& b, Budget& budget) {
  if (a.fields.size() != b.fields.size()) return false;
  return std::ranges::all_of(a.fields, [&](const auto& field) {
    budget.spend(b.fields.size() / 16 + 1);
    const Value* other = b.find(field.first->bytes());
    return other && equal(field.second, *other, budget);
  });
}

VISPLAY_INLINE std::partial_ordering order(const Value& a, const Value& b, Budget& budget) {
  const auto x = number_of(a), y = number_of(b);
  if (x && y) return order(*x, *y);
  const auto *s = a.as<Text>(), *t = b.as<Text>();
  if (s && t) {
    budget.spend(std::min((*s)->size(), (*t)->size()) / 64);
    return (*s)->bytes() <=> (*t)->bytes();  // of UTF-8: the order of code points
  }
  check_defined(a);
  check_defined(b);
  throw Error(fmt::format("expected two numbers or two texts to compare, got {} and {}",
                          a.type_name(), b.type_name()));
}

VISPLAY_INLINE bool contains(const Value& container, const Value& value, Budget& budget) {
  if (const auto* text = container.as<Text>()) {
    const Text& piece = text_of(value, "'in' of a text");
    budget.spend((*text)->size() / 64 + piece->size() / 64);
    return find_piece((*text)->bytes(), piece->bytes()) != std::string::npos;
  }
  if (const auto* dict = container.as<Dict>()) {
    budget.spend((*dict)->fields.size() / 16 + 1);
    const auto* key = value.as<Text>();
    return key && (*dict)->find((*key)->bytes());
  }
  return std::ranges::any_of(items_of(container, budget),
                             [&](const Value& item) { return equal(item, value, budget); });
}

[[noreturn]] VISPLAY_INLINE void fail_too_large() {
  throw Error("expected an integer of 64 bits, got a larger one");
}

VISPLAY_INLINE Value integer_power(std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) return Value(std::pow(double(base), double(exponent)));
  std::int64_t result = 1;
  if (base == 0 || base == 1) return Value::integer(exponent == 0 ? 1 : base);
  if (base == -1) return Value::integer(exponent % 2 ? -1 : 1);
  for (; exponent > 0; --exponent)  // at most 63 times, then the result is too large
    if (__builtin_mul_overflow(result, base, &result)) fail_too_large();
  return Value::integer(result);
}

VISPLAY_INLINE Value integer_operation(Binary::Operator op, std::int64_t a, std::int64_t b) {
  using Op = Binary::Operator;
  std::int64_t result = 0;
  bool too_large = false;
  switch (op) {
    case Op::add:
      too_large = __builtin_add_overflow(a, b, &result);
      break;
    case Op::subtract:
      too_large = __builtin_sub_overflow(a, b, &result);
      break;
    case Op::multiply:
      too_large = __builtin_mul_overflow(a, b, &result);
      break;
    case Op::power:
      return integer_power(a, b);
    default: {
      if (b == -1) {  // the one division that can be too large
        too_large = op == Op::floor_divide && __builtin_sub_overflow(std::int64_t(0), a, &result);
        break;
      }
      const bool rounds_down = a % b != 0 && (a < 0) != (b < 0);
      result = op == Op::floor_divide ? a / b - rounds_down : a % b + (rounds_down ? b : 0);
    }
  }
  if (too_large) fail_too_large();
  return Value::integer(result);
}

VISPLAY_INLINE Value real_operation(Binary::Operator op, double a, double b) {
  using Op = Binary::Operator;
  switch (op) {
    case Op::add:
      return Value(a + b);
    case Op::subtract:
      return Value(a - b);
    case Op::multiply:
      return Value(a * b);
    case Op::divide:
      return Value(a / b);
    case Op::floor_divide:
      return Value(std::floor(a / b));
    case Op::modulo:
      return Value(a - b * std::floor(a / b));
    default:
      return Value(std::pow(a, b));
  }
}

VISPLAY_INLINE Value number_operation(Binary::Operator op, const Number& a, const Number& b) {
  using Op = Binary::Operator;
  const bool divides = op == Op::divide || op == Op::floor_divide || op == Op::modulo;
  check(!divides || b.value != 0, "expected a divisor other than zero, got zero");
  check(op != Op::power || a.value != 0 || b.value >= 0,
        "expected a power of zero that is not negative");
  if (a.real || b.real || op == Op::divide) return real_operation(op, a.value, b.value);
  return integer_operation(op, a.integer, b.integer);
}

VISPLAY_INLINE Value joined(const Text& a, const Text& b, Budget& budget) {
  budget.spend_text(a->size() + b->size());
  budget.spend((a->runs().size() + b->runs().size()) / 4);
  MarkedText out = *a;
  out.append(*b);
  return Value::text(std::move(out));
}

VISPLAY_INLINE Value repeated(const Text& text, std::int64_t times, Budget& budget) {
  const auto count = text->size() ? std::size_t(std::max<std::int64_t>(0, times)) : 0;
  budget.check_size(count);  // so that the product is small enough to exist
  budget.spend_text(count * text->size());
  budget.spend(count);
  MarkedText out;
  for (std::size_t i = 0; i < count; ++i) out.append(*text);
  return Value::text(std::move(out));
}

/// Start, stop and step of a slice of `size` items, as Python's slice.indices gives them.
struct Range {
  std::int64_t start, stop, step;
};
VISPLAY_INLINE Range slice_range(const std::optional<Value> (&bounds)[3], std::int64_t size) {
  const auto given = [&](int i) { return bounds[i] && !bounds[i]->is<None>(); };
  const std::int64_t step = given(2) ? integer_of(*bounds[2], "the step of a slice") : 1;
  check(step != 0, "expected a slice with a step other than 0, got 0");
  const std::int64_t lowest = step > 0 ? 0 : -1, highest = step > 0 ? size : size - 1;
  const auto place = [&](int i, std::int64_t left_out) {
    if (!given(i)) return left_out;
    const std::int64_t at = integer_of(*bounds[i], "the bound of a slice");
    return at < 0 ? (at < -size ? lowest : std::max(lowest, at + size)) : std::min(highest, at);
  };
  return {place(0, step > 0 ? lowest : highest), place(1, step > 0 ? highest : lowest), step};
}

/// Calls visit(i) for every index of a range that lies in [0, size).
template <class Visit>
void for_range(const Range& range, Visit visit) {
  for (std::int64_t i = range.start; range.step > 0 ? i < range.stop : i > range.stop;) {
    visit(i);
    if (__builtin_add_overflow(i, range.step, &i)) return;
  }
}

/// Where each character begins, and the end.
VISPLAY_INLINE std::vector<std::size_t> character_offsets(std::string_view text, Budget& budget) {
  budget.spend(text.size() / 8 + 1);
  std::vector<std::size_t> offsets;
  offsets.reserve(text.size() + 1);
  for (std::size_t at = 0; at < text.size(); at += decode_utf8(text, at).size)
    offsets.push_back(at);
  offsets.push_back(text.size());
  return offsets;
}

VISPLAY_INLINE Value slice_of_text(const MarkedText& text, const std::optional<Value> (&bounds)[3],
                                   Budget& budget) {
  const auto offsets = character_offsets(text.bytes(), budget);
  const auto range = slice_range(bounds, std::int64_t(offsets.size()) - 1);
  budget.spend_text(text.size());
  if (range.step == 1)
    return Value::text(range.start < range.stop ? text.slice(offsets[std::size_t(range.start)],
                                                             offsets[std::size_t(range.stop)])
                                                : MarkedText());
  MarkedText out;
  for_range(range, [&](std::int64_t i) {
    out.append(text, offsets[std::size_t(i)], offsets[std::size_t(i) + 1]);
  });
  return Value::text(std::move(out));
}

/// The item at an index that may count from the end; none outside.
VISPLAY_INLINE std::optional<std::size_t> place_of(std::int64_t index, std::size_t size) {
  if (index < 0) index += std::int64_t(size);
  if (index < 0 || index >= std::int64_t(size)) return std::nullopt;
  return std::size_t(index);
}

}  // namespace detail

VISPLAY_INLINE bool truth(const Value& value) {
  if (value.is<Undefined>() || value.is<None>()) return false;
  if (const auto number = detail::number_of(value)) return number->value != 0;
  if (const auto* text = value.as<Text>()) return (*text)->size() > 0;
  if (const auto* list = value.as<List>()) return !(*list)->items.empty();
  if (const auto* dict = value.as<Dict>()) return !(*dict)->fields.empty();
  return true;
}

VISPLAY_INLINE bool equal(const Value& a, const Value& b, Budget& budget) {
  const Budget::Level level(budget);
  const auto x = detail::number_of(a), y = detail::number_of(b);
  if (x && y) return detail::order(*x, *y) == 0;
  if (a.type_name() != b.type_name()) return false;
  if (const auto* text = a.as<Text>()) {
    budget.spend((*text)->size() / 64);
    return (*text)->bytes() == (*b.as<Text>())->bytes();
  }
  if (const auto* list = a.as<List>()) return detail::lists_equal(**list, **b.as<List>(), budget);
  if (const auto* dict = a.as<Dict>()) return detail::dicts_equal(**dict, **b.as<Dict>(), budget);
  if (const auto* space = a.as<Namespace>()) return *space == *b.as<Namespace>();
  return a.is<Undefined>() || a.is<None>();
}

VISPLAY_INLINE bool compare(Comparison::Operator op, const Value& a, const Value& b,
                            Budget& budget) {
  using C = Comparison::Operator;
  switch (op) {
    case C::equal:
      return equal(a, b, budget);
    case C::not_equal:
      return !equal(a, b, budget);
    case C::in:
      return detail::contains(b, a, budget);
    case C::not_in:
      return !detail::contains(b, a, budget);
    case C::less:
      return detail::order(a, b, budget) < 0;
    case C::less_equal:
      return detail::order(a, b, budget) <= 0;
    case C::greater:
      return detail::order(a, b, budget) > 0;
    case C::greater_equal:
      return detail::order(a, b, budget) >= 0;
  }
  return false;
}

VISPLAY_INLINE Value binary(Binary::Operator op, const Value& a, const Value& b, Budget& budget) {
  using Op = Binary::Operator;
  if (op == Op::concatenate) return detail::joined(printed(a, budget), printed(b, budget), budget);
  detail::check_defined(a);
  detail::check_defined(b);
  const auto x = detail::number_of(a), y = detail::number_of(b);
  if (x && y) return detail::number_operation(op, *x, *y);
  const auto *s = a.as<Text>(), *t = b.as<Text>();
  if (op == Op::add && s && t) return detail::joined(*s, *t, budget);
  if (op == Op::multiply && s && y && !y->real) return detail::repeated(*s, y->integer, budget);
  if (op == Op::multiply && t && x && !x->real) return detail::repeated(*t, x->integer, budget);
  const auto *l = a.as<List>(), *m = b.as<List>();
  if (op == Op::add && l && m && (*l)->tuple == (*m)->tuple) {
    auto items = (*l)->items;
    items.insert(items.end(), (*m)->items.begin(), (*m)->items.end());
    return make_list(std::move(items), (*l)->tuple, budget);
  }
  static constexpr std::string_view symbols[] = {"+", "-", "*", "/", "//", "%", "**"};
  throw Error(fmt::format("expected values that '{}' is for, got {} and {}",
                          symbols[std::size_t(op)], a.type_name(), b.type_name()));
}

VISPLAY_INLINE Value signed_number(bool negative, const Value& value) {
  detail::check_defined(value);
  const auto number = detail::number_of(value);
  check(number.has_value(), "expected a number behind a sign, got {}", value.type_name());
  if (number->real) return Value(negative ? -number->value : number->value);
  if (!negative) return Value::integer(number->integer);
  return detail::integer_operation(Binary::Operator::subtract, 0, number->integer);
}

VISPLAY_INLINE std::string python_float(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  const std::string text = fmt::format("{}", number);
  return text.find_first_of(".e") == text.npos ? text + ".0" : text;
}

VISPLAY_INLINE Text printed(const Value& value, Budget& budget) {
  if (const auto* text = value.as<Text>()) return *text;
  const auto made = [&](std::string text) {
    budget.spend();
    return std::make_shared<const MarkedText>(std::move(text), Mark::plain);
  };
  if (value.is<Undefined>()) return made("");
  if (value.is<None>()) return made("None");
  if (const auto* truth = value.as<bool>()) return made(*truth ? "True" : "False");
  if (const auto* number = value.as<std::int64_t>()) return made(fmt::format("{}", *number));
  if (const auto* number = value.as<double>()) return made(python_float(*number));
  throw Error(fmt::format("expected a text or a number to print, got {}", value.type_name()));
}

VISPLAY_INLINE Value item_of(const Value& object, const Value& key, Budget& budget) {
  detail::check_defined(object);
  if (const auto* text = key.as<Text>()) {
    if (const auto* dict = object.as<Dict>()) {
      budget.spend((*dict)->fields.size() / 16 + 1);
      if (const Value* found = (*dict)->find((*text)->bytes())) return *found;
    }
    if (object.is<Namespace>() || object.is<const Loop*>())
      return attribute_of(object, (*text)->bytes(), budget);
    return Value::undefined((*text)->bytes().substr(0, 40));
  }
  const auto number = detail::number_of(key);
  if (!number || number->real) return Value::undefined("an item");
  const auto outside = [&] { return Value::undefined(fmt::format("item {}", number->integer)); };
  if (const auto* list = object.as<List>()) {
    const auto at = detail::place_of(number->integer, (*list)->items.size());
    return at ? (*list)->items[*at] : outside();
  }
  if (const auto* text = object.as<Text>()) {
    const auto offsets = detail::character_offsets((*text)->bytes(), budget);
    const auto at = detail::place_of(number->integer, offsets.size() - 1);
    return at ? Value::text((*text)->slice(offsets[*at], offsets[*at + 1])) : outside();
  }
  return outside();
}

VISPLAY_INLINE Value attribute_of(const Value& object, const std::string& name, Budget& budget) {
  detail::check_defined(object);
  if (const auto* space = object.as<Namespace>()) {
    const auto at = (*space)->find(name);
    return at == (*space)->end() ? Value::undefined(name) : at->second;
  }
  if (const auto* loop = object.as<const Loop*>()) return (*loop)->attribute(name);
  if (const auto* dict = object.as<Dict>()) {
    budget.spend((*dict)->fields.size() / 16 + 1);
    if (const Value* found = (*dict)->find(name)) return *found;
  }
  return Value::undefined(name);
}

VISPLAY_INLINE Value slice_of(const Value& object, const std::optional<Value> (&bounds)[3],
                              Budget& budget) {
  detail::check_defined(object);
  if (const auto* text = object.as<Text>()) return detail::slice_of_text(**text, bounds, budget);
  const auto* list = object.as<List>();
  check(list, "expected a list or a text to slice, got {}", object.type_name());
  const auto& items = (*list)->items;
  std::vector<Value> out;
  detail::for_range(detail::slice_range(bounds, std::int64_t(items.size())), [&](std::int64_t i) {
    budget.spend();
    out.push_back(items[std::size_t(i)]);
  });
  return make_list(std::move(out), (*list)->tuple, budget);
}

VISPLAY_INLINE std::vector<Value> items_of(const Value& value, Budget& budget) {
  std::vector<Value> out;
  if (const auto* list = value.as<List>()) {
    budget.spend((*list)->items.size());
    out = (*list)->items;
  } else if (const auto* dict = value.as<Dict>()) {
    budget.spend((*dict)->fields.size());
    for (const auto& [key, field] : (*dict)->fields) out.push_back(Value(key));
  } else if (const auto* text = value.as<Text>()) {
    const auto& bytes = (*text)->bytes();
    for (std::size_t at = 0, size = 0; at < bytes.size(); at += size) {
      budget.spend();
      size = decode_utf8(bytes, at).size;
      out.push_back(Value::text((*text)->slice(at, at + size)));
    }
  } else {
    check(value.is<Undefined>(), "expected a list, a mapping or a text to go through, got {}",
          value.type_name());
  }
  return out;
}

VISPLAY_INLINE std::int64_t length_of(const Value& value, Budget& budget) {
  if (value.is<Undefined>()) return 0;
  if (const auto* list = value.as<List>()) return std::int64_t((*list)->items.size());
  if (const auto* dict = value.as<Dict>()) return std::int64_t((*dict)->fields.size());
  const auto* text = value.as<Text>();
  check(text, "expected a list, a mapping or a text that has a length, got {}", value.type_name());
  const auto& bytes = (*text)->bytes();
  budget.spend(bytes.size() / 64);
  std::int64_t count = 0;
  for (std::size_t at = 0; at < bytes.size(); at += decode_utf8(bytes, at).size) ++count;
  return count;
}

VISPLAY_INLINE std::int64_t integer_of(const Value& value, std::string_view what) {
  detail::check_defined(value);
  const auto number = detail::number_of(value);
  check(number && !number->real, "expected an integer for {}, got {}", what, value.type_name());
  return number->integer;
}

VISPLAY_INLINE const Text& text_of(const Value& value, std::string_view what) {
  detail::check_defined(value);
  const auto* text = value.as<Text>();
  check(text, "expected a text for {}, got {}", what, value.type_name());
  return *text;
}

VISPLAY_INLINE void check_data(const Value& value) {
  check(value.is_data(), "expected data in a list, mapping or namespace, got {}",
        value.type_name());
}

VISPLAY_INLINE Value make_list(std::vector<Value> items, bool tuple, Budget& budget) {
  budget.spend(items.size() + 1);
  std::ranges::for_each(items, check_data);
  Value list = Value::list(std::move(items), tuple);
  budget.check_nesting(list.depth());
  return list;
}

VISPLAY_INLINE Value make_dict(std::vector<std::pair<Text, Value>> fields, Budget& budget) {
  budget.spend(fields.size() + 1);
  for (const auto& [key, value] : fields) check_data(value);
  Value dict = Value::dict(std::move(fields));
  budget.check_nesting(dict.depth());
  return dict;
}

}  // namespace visplay::jinja
