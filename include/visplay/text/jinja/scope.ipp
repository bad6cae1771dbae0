// Bodies of scope.hpp.
#pragma once

#include <visplay/text/jinja/scope.hpp>

namespace visplay::jinja {

VISPLAY_INLINE Value Loop::attribute(std::string_view name) const {
  const auto at = std::int64_t(index), count = std::int64_t(items.size());
  if (name == "index0") return Value::integer(at);
  if (name == "index") return Value::integer(at + 1);
  if (name == "revindex0") return Value::integer(count - at - 1);
  if (name == "revindex") return Value::integer(count - at);
  if (name == "length") return Value::integer(count);
  if (name == "depth0") return Value::integer(0);  // counts recursive loops
  if (name == "depth") return Value::integer(1);
  if (name == "first") return Value::boolean(index == 0);
  if (name == "last") return Value::boolean(at + 1 == count);
  if (name == "previtem" && index > 0) return items[index - 1];
  if (name == "nextitem" && at + 1 < count) return items[index + 1];
  return Value::undefined(std::string(name));
}

}  // namespace visplay::jinja
