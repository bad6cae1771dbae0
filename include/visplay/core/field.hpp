// Field: one key of a settings struct with its type erased, and the text forms of its value.
//
// Values are bool, integers, double, std::string, an enum with `choices_of`, std::optional of
// these (empty is written "off"), and vectors of strings or integers. Every text is read back as
// exactly the value it was written from.
#pragma once

#include <array>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace visplay {

/// What a number may be; `above` excludes its bound.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_excluded = false;

  [[nodiscard]] bool holds(double x) const {
    return (low_excluded ? x > low : x >= low) && x <= high;
  }
};
constexpr Range at_least(double low) { return {.low = low}; }
constexpr Range above(double low) { return {.low = low, .low_excluded = true}; }
constexpr Range between(double low, double high) { return {.low = low, .high = high}; }
constexpr Range above_up_to(double low, double high) {
  return {.low = low, .high = high, .low_excluded = true};
}

/// An enum whose enumerators count from 0 and whose names `choices_of(E{})` gives in that order.
template <class E>
concept NamedEnum = std::is_enum_v<E> && requires {
  { choices_of(E{})[0] } -> std::convertible_to<std::string_view>;
};

enum class FieldKind { boolean, integer, real, text, choice, texts, integers };

/// One key of a described struct, with its type erased. Refers to the struct it was taken from.
struct Field {
  std::string key;   ///< dotted: "questioner.group_size"
  std::string help;  ///< one line, lower case, no full stop
  FieldKind kind = FieldKind::text;
  bool can_be_off = false;
  bool is_request = false;  ///< asked of one start (resume); no property of the run, never saved
  Range range{};
  std::vector<std::string> choices{};
  /// Sets the value from its text(s). False, and nothing changed, if they do not fit.
  std::function<bool(const std::vector<std::string>&)> assign{};
  /// The value as text(s) that `assign` takes back unchanged. A list has any number of them.
  std::function<std::vector<std::string>()> texts{};

  [[nodiscard]] bool is_list() const {
    return kind == FieldKind::texts || kind == FieldKind::integers;
  }
};

namespace detail {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

// Text to value; empty if the text is not exactly one value of that type.
template <class T>
std::optional<T> value_of(std::string_view text) {
  if constexpr (std::same_as<T, bool>) {
    if (text == "true" || text == "yes" || text == "on") return true;
    if (text == "false" || text == "no" || text == "off") return false;
    return std::nullopt;
  } else if constexpr (std::same_as<T, std::string>) {
    return std::string(text);
  } else if constexpr (NamedEnum<T>) {
    const auto names = choices_of(T{});
    for (std::size_t i = 0; i < names.size(); ++i)
      if (text == names[i]) return T(int(i));
    return std::nullopt;
  } else {
    T number{};
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
    if constexpr (std::floating_point<T>)
      if (!std::isfinite(number)) return std::nullopt;
    return number;
  }
}

// Value to the shortest text that reads back as the same value.
template <class T>
std::string text_of(const T& value) {
  if constexpr (std::same_as<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::same_as<T, std::string>) {
    return value;
  } else if constexpr (NamedEnum<T>) {
    return std::string(choices_of(T{})[std::size_t(value)]);
  } else {
    std::array<char, 40> buffer{};
    const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
    return {buffer.data(), result.ptr};
  }
}

template <class T>
bool in_range(const T& value, const Range& range) {
  if constexpr (std::is_arithmetic_v<T> && !std::same_as<T, bool>)
    return range.holds(double(value));
  else
    return true;
}

template <class T>
constexpr FieldKind kind_of() {
  if constexpr (is_optional<T>)
    return kind_of<typename T::value_type>();
  else if constexpr (std::same_as<T, bool>)
    return FieldKind::boolean;
  else if constexpr (std::integral<T>)
    return FieldKind::integer;
  else if constexpr (std::floating_point<T>)
    return FieldKind::real;
  else if constexpr (std::same_as<T, std::string>)
    return FieldKind::text;
  else if constexpr (NamedEnum<T>)
    return FieldKind::choice;
  else if constexpr (std::same_as<T, std::vector<std::string>>)
    return FieldKind::texts;
  else {
    static_assert(
        std::same_as<T, std::vector<std::int64_t>>,
        "describe: a member is neither described itself nor of a type that settings have");
    return FieldKind::integers;
  }
}

template <class T>
bool assign_texts(T& value, const std::vector<std::string>& texts, const Range& range) {
  if constexpr (kind_of<T>() == FieldKind::texts || kind_of<T>() == FieldKind::integers) {
    T values;
    for (const std::string& text : texts) {
      const auto element = value_of<typename T::value_type>(text);
      if (!element || !in_range(*element, range)) return false;
      values.push_back(*element);
    }
    value = std::move(values);
    return true;
  } else {
    if (texts.size() > 1) return false;
    if constexpr (is_optional<T>) {
      if (texts.empty() || texts[0] == "off") {
        value.reset();
        return true;
      }
      typename T::value_type inner{};
      if (!assign_texts(inner, texts, range)) return false;
      value = inner;
      return true;
    } else {
      const auto parsed = texts.empty() ? std::nullopt : value_of<T>(texts[0]);
      if (!parsed || !in_range(*parsed, range)) return false;
      value = *parsed;
      return true;
    }
  }
}

template <class T>
std::vector<std::string> texts_of(const T& value) {
  if constexpr (kind_of<T>() == FieldKind::texts || kind_of<T>() == FieldKind::integers) {
    std::vector<std::string> texts;
    for (const auto& element : value) texts.push_back(text_of(element));
    return texts;
  } else if constexpr (is_optional<T>) {
    return {value ? text_of(*value) : "off"};
  } else {
    return {text_of(value)};
  }
}

}  // namespace detail

/// The bounds of a number in words: "at least 2", "from 0 to 1, or off"; empty if there are none.
[[nodiscard]] inline std::string bounds_of(const Field& field) {
  const auto [low, high, low_excluded] = field.range;
  const auto text = [](double x) { return detail::text_of(x); };
  std::string bounds;
  if (std::isfinite(high) && low_excluded)
    bounds = "above " + text(low) + " and at most " + text(high);
  else if (std::isfinite(high))
    bounds = "from " + text(low) + " to " + text(high);
  else if (std::isfinite(low))
    bounds = (low_excluded ? "above " : "at least ") + text(low);
  if (field.can_be_off) bounds += bounds.empty() ? "or off" : ", or off";
  return bounds;
}

/// What the field accepts: "an integer, at least 2", "paper | robust".
[[nodiscard]] inline std::string expected_of(const Field& field) {
  constexpr std::string_view names[] = {"true or false", "an integer", "a number", "text", "",
                                        "texts",         "integers"};
  std::string text(names[int(field.kind)]);
  for (const std::string& name : field.choices) text += (text.empty() ? "" : " | ") + name;
  const std::string bounds = bounds_of(field);
  return bounds.empty() ? text : text + ", " + bounds;
}

}  // namespace visplay
