// Bodies of value.hpp.
#pragma once

#include <visplay/text/jinja/value.hpp>

#include <algorithm>
#include <iterator>

namespace visplay::jinja {

VISPLAY_INLINE const Value* DictData::find(std::string_view key) const {
  const auto at =
      std::ranges::find_if(fields, [&](const auto& field) { return field.first->bytes() == key; });
  return at == fields.end() ? nullptr : &at->second;
}

VISPLAY_INLINE Value Value::text(std::string bytes, Mark mark) {
  return text(MarkedText(std::move(bytes), mark));
}

VISPLAY_INLINE Value Value::text(MarkedText text) {
  return Alternatives(std::make_shared<const MarkedText>(std::move(text)));
}

VISPLAY_INLINE Value Value::undefined(std::string name) {
  return Alternatives(Undefined{std::make_shared<const std::string>(std::move(name))});
}

VISPLAY_INLINE Value Value::list(std::vector<Value> items, bool tuple) {
  int depth = 0;
  for (const Value& item : items) depth = std::max(depth, item.depth());
  return Alternatives(
      std::make_shared<const ListData>(ListData{std::move(items), tuple, depth + 1}));
}

VISPLAY_INLINE Value Value::dict(std::vector<std::pair<std::string, Value>> fields, Mark mark) {
  std::vector<std::pair<Text, Value>> out;
  for (auto& [key, value] : fields)
    out.emplace_back(std::make_shared<const MarkedText>(std::move(key), mark), std::move(value));
  return dict(std::move(out));
}

VISPLAY_INLINE Value Value::dict(std::vector<std::pair<Text, Value>> fields) {
  int depth = 0;
  for (const auto& [key, value] : fields) depth = std::max(depth, value.depth());
  return Alternatives(std::make_shared<const DictData>(DictData{std::move(fields), depth + 1}));
}

VISPLAY_INLINE bool Value::is_data() const {
  return !is<Namespace>() && !is<MacroClosure>() && !is<const Loop*>() && !is<Function>();
}

VISPLAY_INLINE int Value::depth() const {
  if (const auto* list = as<List>()) return (*list)->depth;
  if (const auto* dict = as<Dict>()) return (*dict)->depth;
  return 0;
}

VISPLAY_INLINE std::string_view Value::type_name() const {
  static constexpr std::string_view names[] = {"undefined", "none",  "boolean", "integer",
                                               "float",     "text",  "list",    "mapping",
                                               "namespace", "macro", "loop",    "function"};
  static_assert(std::size(names) == std::variant_size_v<Alternatives>);
  return names[data_.index()];
}

}  // namespace visplay::jinja
