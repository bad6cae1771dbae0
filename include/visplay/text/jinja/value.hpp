// Value: what a chat template computes with. Python's types as far as templates show them: none,
// booleans, 64-bit integers, floats, texts, lists and tuples, mappings with text keys; and four that
// only variables hold: undefined, namespaces, macros and loops.
//
//   Value::dict({{"role", Value::text("user", Mark::markup)}, {"content", Value::text(question)}})
//
// Values are shared and never change, namespaces apart, so that copies cost nothing and no value
// can hold itself.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/text/jinja/marked_text.hpp>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace visplay::jinja {

class Value;
struct MacroDefinition;  // ast.hpp
struct Scope;            // scope.hpp
struct Loop;             // scope.hpp

struct Undefined {
  std::shared_ptr<const std::string> name;  ///< what was not found, for messages
};
struct None {};
using Text = std::shared_ptr<const MarkedText>;
struct ListData {
  std::vector<Value> items;
  bool tuple = false;
  int depth = 1;  ///< levels of lists and mappings in it
};
using List = std::shared_ptr<const ListData>;
struct DictData {
  std::vector<std::pair<Text, Value>> fields;  ///< in the order they were put
  int depth = 1;

  [[nodiscard]] const Value* find(std::string_view key) const;
};
using Dict = std::shared_ptr<const DictData>;
using Namespace = std::shared_ptr<std::map<std::string, Value, std::less<>>>;
struct MacroClosure {
  const MacroDefinition* macro;
  Scope* scope;  ///< where it was defined
};
/// A function that every template may call, by name.
struct Function {
  std::string_view name;
};

class Value {
 public:
  using Alternatives = std::variant<Undefined, None, bool, std::int64_t, double, Text, List, Dict,
                                    Namespace, MacroClosure, const Loop*, Function>;

  Value() : data_(None{}) {}
  Value(Alternatives data) : data_(std::move(data)) {}

  [[nodiscard]] static Value text(std::string bytes, Mark mark = Mark::plain);
  [[nodiscard]] static Value text(MarkedText text);
  [[nodiscard]] static Value integer(std::int64_t number) { return Alternatives(number); }
  [[nodiscard]] static Value boolean(bool truth) { return Alternatives(truth); }
  [[nodiscard]] static Value undefined(std::string name);
  [[nodiscard]] static Value list(std::vector<Value> items, bool tuple = false);
  /// @param mark  of the keys
  [[nodiscard]] static Value dict(std::vector<std::pair<std::string, Value>> fields,
                                  Mark mark = Mark::plain);
  [[nodiscard]] static Value dict(std::vector<std::pair<Text, Value>> fields);

  /// The alternative T, or null if the value is another.
  template <class T>
  [[nodiscard]] const T* as() const {
    return std::get_if<T>(&data_);
  }
  template <class T>
  [[nodiscard]] bool is() const {
    return std::holds_alternative<T>(data_);
  }
  /// What lists, mappings and namespaces may hold: all but namespaces, macros, loops, functions.
  [[nodiscard]] bool is_data() const;
  /// Levels of lists and mappings; 0 for others.
  [[nodiscard]] int depth() const;
  /// "list", "text", ...: for messages.
  [[nodiscard]] std::string_view type_name() const;

 private:
  Alternatives data_;
};

}  // namespace visplay::jinja

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/jinja/value.ipp>
#endif
