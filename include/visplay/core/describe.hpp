// One listing per settings struct, from which YAML, flags, environment, --help, printing and
// comparison follow. A struct is described by a free function beside it:
//
//   struct Sampling { double temperature = 1; std::optional<int> top_k{}; };
//   void describe(auto& visit, OfType<Sampling> auto& s) {
//     visit("temperature", s.temperature, "of the softmax; 0 is greedy", at_least(0));
//     visit("top_k", s.top_k, "sample among the k likeliest tokens", at_least(1));   // or off
//   }
//
// A member that is itself described becomes a section: visit("sampling", s.sampling) gives keys
// `sampling.temperature` and `sampling.top_k`.
#pragma once

#include <visplay/core/field.hpp>

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace visplay {

/// S is T or const T: lets one describe serve reading and writing.
template <class S, class T>
concept OfType = std::same_as<std::remove_const_t<S>, T>;

namespace detail {

struct AnyVisitor {
  template <class... Args>
  void operator()(Args&&...) {}
};

}  // namespace detail

/// A struct with a `describe` beside it.
template <class T>
concept Described = std::is_class_v<T> && requires(detail::AnyVisitor visit, T& value) {
  describe(visit, value);
};

/// Marks a field that is asked of one start of a program and never saved.
struct RequestOfOneStart {};

namespace detail {

struct FieldCollector {
  std::vector<Field>& fields;
  std::string prefix{};

  template <Described T>
  void operator()(std::string_view name, T& section) {
    FieldCollector inner{fields, prefix + std::string(name) + "."};
    describe(inner, section);
  }
  template <class T>
  void operator()(std::string_view name, T& value, std::string_view help, Range range = {}) {
    Field field{.key = prefix + std::string(name), .help = std::string(help), .range = range};
    field.kind = kind_of<T>();
    field.can_be_off = is_optional<T>;
    add_choices<T>(field);
    field.assign = [&value, range](const auto& texts) { return assign_texts(value, texts, range); };
    field.texts = [&value] { return texts_of(value); };
    fields.push_back(std::move(field));
  }
  template <class T>
  void operator()(std::string_view name, T& value, std::string_view help, RequestOfOneStart) {
    (*this)(name, value, help);
    fields.back().is_request = true;
  }

 private:
  template <class T>
  void add_choices(Field& field) const {
    if constexpr (is_optional<T>)
      add_choices<typename T::value_type>(field);
    else if constexpr (NamedEnum<T>)
      for (const std::string_view name : choices_of(T{})) field.choices.emplace_back(name);
  }
};

}  // namespace detail

/// The keys of a config in the order of its describe. They refer to `config`, which must outlive
/// them and stay where it is.
template <class T>
[[nodiscard]] std::vector<Field> fields_of(T& config) {
  static_assert(Described<T>,
                "describe: settings are a struct T with void describe(auto& visit, "
                "OfType<T> auto& settings) in the namespace of T");
  std::vector<Field> fields;
  detail::FieldCollector collect{fields};
  describe(collect, config);
  return fields;
}

/// The keys whose values differ. Empty means equal.
template <class T>
[[nodiscard]] std::vector<std::string> differing_keys(T a, T b) {
  const auto of_a = fields_of(a), of_b = fields_of(b);
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < of_a.size(); ++i)
    if (of_a[i].texts() != of_b[i].texts()) keys.push_back(of_a[i].key);
  return keys;
}

}  // namespace visplay
