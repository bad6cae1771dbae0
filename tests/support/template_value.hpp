// JSON as a value of chat templates, every text plain.
#pragma once

#include <visplay/io/json.hpp>
#include <visplay/text/jinja/value.hpp>

#include <string>
#include <utility>
#include <vector>

namespace visplay::test {

inline jinja::Value template_value(const OrderedJson& json) {
  using jinja::Value;
  if (json.is_null()) return Value();
  if (json.is_boolean()) return Value::boolean(json.get<bool>());
  if (json.is_number_integer()) return Value::integer(json.get<std::int64_t>());
  if (json.is_number()) return Value(json.get<double>());
  if (json.is_string()) return Value::text(json.get<std::string>());
  if (json.is_array()) {
    std::vector<Value> items;
    for (const auto& item : json) items.push_back(template_value(item));
    return Value::list(std::move(items));
  }
  std::vector<std::pair<std::string, Value>> fields;
  for (const auto& [key, value] : json.items()) fields.emplace_back(key, template_value(value));
  return Value::dict(std::move(fields));
}

}  // namespace visplay::test
