// Filters, tests and methods that chat templates may use, with Python's and jinja2's meaning.
//
// filters  tojson trim length count default d join items list string safe first last replace
// tests    defined undefined none string number integer float boolean true false mapping iterable
//          sequence in eq equalto ne
// methods  startswith endswith split strip lstrip rstrip replace join get items keys values
//
// tojson is transformers' own: characters of other scripts and of HTML stay as they are.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/text/jinja/limits.hpp>
#include <visplay/text/jinja/value.hpp>

#include <array>
#include <optional>
#include <span>
#include <string_view>

namespace visplay::jinja {

/// One value per parameter; none where the template left it out.
using Arguments = std::span<const std::optional<Value>>;

struct Builtin {
  enum class Kind { filter, test, method };
  Kind kind;
  std::string_view name;
  Value (*run)(const Value& subject, Arguments arguments, Budget& budget);
  std::array<std::string_view, 4> parameters{};  ///< names; the first empty one ends them
  std::size_t required = 0;                      ///< how many must be given

  [[nodiscard]] std::size_t parameter_count() const {
    std::size_t n = 0;
    while (n < parameters.size() && !parameters[n].empty()) ++n;
    return n;
  }
};

/// Null if there is none of that name.
[[nodiscard]] const Builtin* find_builtin(Builtin::Kind kind, std::string_view name);

}  // namespace visplay::jinja

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/jinja/builtins.ipp>
#endif
