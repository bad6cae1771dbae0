// Variables of a template while it runs, and what `loop` knows.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/text/jinja/value.hpp>

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace visplay::jinja {

/// The variables set in a loop's turn, a macro call, a with, or the template; others are looked up
/// in the scope around it. Lives on the stack: a macro never outlives the scope that defined it,
/// since neither lists nor namespaces hold macros.
struct Scope {
  const Scope* around = nullptr;
  std::map<std::string, Value, std::less<>> values{};

  [[nodiscard]] const Value* find(std::string_view name) const {
    for (const Scope* scope = this; scope; scope = scope->around)
      if (const auto at = scope->values.find(name); at != scope->values.end()) return &at->second;
    return nullptr;
  }
  void set(std::string_view name, Value value) {
    values.insert_or_assign(std::string(name), std::move(value));
  }
};

struct Loop {
  const std::vector<Value>& items;
  std::size_t index = 0;  ///< of the current item, from 0

  /// loop.name; undefined if loops have no such attribute.
  [[nodiscard]] Value attribute(std::string_view name) const;
};

}  // namespace visplay::jinja

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/jinja/scope.ipp>
#endif
