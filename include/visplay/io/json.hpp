// JSON of files and lines that we did not write: read under limits, every failure one sentence.
//
//   const Json header = parse_json(text, "model.safetensors: header", {.max_depth = 4});
//   const int layers = json_field<int>(header, "num_hidden_layers", "config.json");
//
// nlohmann parses without recursion but copies recursively: 200,000 nested arrays parse and then
// crash the copy. So depth is bounded while parsing, and size before it.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/macros.hpp>
#include <visplay/core/printable.hpp>

#include <nlohmann/json.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace visplay {

using Json = nlohmann::json;
/// Keeps the order in which the fields were put: for what we write.
using OrderedJson = nlohmann::ordered_json;

struct JsonLimits {
  std::size_t max_bytes = std::size_t(64) << 20;  ///< of text
  int max_depth = 64;                             ///< nested arrays and objects; a scalar is 0
  bool unique_keys = true;                        ///< refuse a key twice in one object
};

/// The value of a whole text; nothing but white space may follow it.
/// @param name  what the text is, first words of the error: "config.json", "line 7 of x.jsonl"
/// @throws Error  not JSON, not UTF-8, too long, too deep, or a key twice
[[nodiscard]] Json parse_json(std::string_view text, std::string_view name,
                              const JsonLimits& limits = {});

/// The same for a file, whose size is checked before it is read.
[[nodiscard]] Json read_json_file(const std::filesystem::path& path, const JsonLimits& limits = {});

/// One line without line feed. Bytes that are not UTF-8 (model text may hold them) become U+FFFD,
/// so this does not throw on any text. Numbers: shortest form that reads back the same value;
/// NaN and infinity become null.
[[nodiscard]] std::string write_json(const Json& value);
[[nodiscard]] std::string write_json(const OrderedJson& value);

/// A value as T without any silent conversion: no float to integer, no overflow, no number to bool.
/// Integers are accepted where T is a floating-point type. Empty if it is something else.
template <class T>
[[nodiscard]] std::optional<T> json_as(const Json& value) {
  if constexpr (std::same_as<T, bool>) {
    if (value.is_boolean()) return value.get<bool>();
  } else if constexpr (std::integral<T>) {
    if (value.is_number_unsigned()) {
      const auto number = value.get<std::uint64_t>();
      if (number <= std::uint64_t(std::numeric_limits<T>::max())) return T(number);
    } else if (value.is_number_integer()) {
      const auto number = value.get<std::int64_t>();
      if (std::is_signed_v<T> && number >= std::int64_t(std::numeric_limits<T>::min()) &&
          number <= std::int64_t(std::numeric_limits<T>::max()))
        return T(number);
    }
  } else if constexpr (std::floating_point<T>) {
    if (value.is_number()) return value.get<T>();
  } else if constexpr (std::same_as<T, std::string>) {
    if (value.is_string()) return value.get<std::string>();
  } else {
    static_assert(std::same_as<T, void>, "json_as: bool, an integer, a floating-point or string");
  }
  return std::nullopt;
}

/// The field `key` of an object.
/// @throws Error  no such field, or it is not a T that fits
template <class T>
[[nodiscard]] T json_field(const Json& object, const std::string& key, std::string_view name) {
  check(object.is_object(), "{}: expected an object, got {}", name, object.type_name());
  const auto field = object.find(key);
  check(field != object.end(), "{}: '{}' is missing", name, key);
  const auto value = json_as<T>(*field);
  check(value.has_value(), "{}: '{}' is {} {}, which does not fit", name, key, field->type_name(),
        printable(write_json(*field), 40));
  return *value;
}

/// The same, or `fallback` if the field is absent or null.
template <class T>
[[nodiscard]] T json_field_or(const Json& object, const std::string& key, std::string_view name,
                              T fallback) {
  check(object.is_object(), "{}: expected an object, got {}", name, object.type_name());
  const auto field = object.find(key);
  if (field == object.end() || field->is_null()) return fallback;
  return json_field<T>(object, key, name);
}

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/io/json.ipp>
#endif
