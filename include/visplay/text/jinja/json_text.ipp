// Bodies of json_text.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/text/jinja/json_text.hpp>
#include <visplay/text/jinja/operations.hpp>
#include <visplay/text/unicode.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

namespace visplay::jinja {
namespace detail {

class JsonWriter {
 public:
  JsonWriter(const JsonStyle& style, Budget& budget) : style_(style), budget_(budget) {}

  void write(const Value& value) {
    const Budget::Level level(budget_);
    if (const auto* text = value.as<Text>())
      write_text(**text);
    else if (const auto* list = value.as<List>())
      write_list(**list);
    else if (const auto* dict = value.as<Dict>())
      write_dict(**dict);
    else
      put(scalar(value));
  }

  MarkedText finish() { return std::move(out_); }

 private:
  void put(std::string_view bytes) {
    budget_.spend(bytes.size() / 64 + 1);
    budget_.check_size(out_.size() + bytes.size());
    out_.append(bytes, Mark::plain);
  }

  static std::string scalar(const Value& value) {
    if (value.is<None>()) return "null";
    if (const auto* truth = value.as<bool>()) return *truth ? "true" : "false";
    if (const auto* number = value.as<std::int64_t>()) return fmt::format("{}", *number);
    const auto* number = value.as<double>();
    check(number, "expected a value for tojson, got {}", value.type_name());
    if (std::isnan(*number)) return "NaN";
    if (std::isinf(*number)) return *number < 0 ? "-Infinity" : "Infinity";
    return python_float(*number);
  }

  void new_line() {
    if (!style_.indent) return;
    put("\n");
    for (int i = 0; i < depth_; ++i) put(*style_.indent);
  }

  /// Calls write_one(i) for each of the items, with brackets and separators around them.
  template <class WriteOne>
  void write_items(std::size_t count, char open, char close, WriteOne write_one) {
    put({&open, 1});
    ++depth_;
    for (std::size_t i = 0; i < count; ++i) {
      if (i) put(style_.between.value_or(style_.indent ? "," : ", "));
      new_line();
      write_one(i);
    }
    --depth_;
    if (count) new_line();
    put({&close, 1});
  }

  void write_list(const ListData& list) {
    write_items(list.items.size(), '[', ']', [&](std::size_t i) { write(list.items[i]); });
  }

  void write_dict(const DictData& dict) {
    std::vector<const std::pair<Text, Value>*> fields;
    for (const auto& field : dict.fields) fields.push_back(&field);
    budget_.spend(fields.size() * (style_.sorted ? 8 : 1));
    if (style_.sorted)
      std::ranges::stable_sort(fields, {}, [](const auto* field) -> const std::string& {
        return field->first->bytes();
      });
    write_items(fields.size(), '{', '}', [&](std::size_t i) {
      write_text(*fields[i]->first);
      put(style_.colon);
      write(fields[i]->second);
    });
  }

  void write_text(const MarkedText& text) {
    budget_.spend(text.size() / 64 + text.runs().size() / 4);
    budget_.check_size(out_.size() + text.size());
    put("\"");
    const std::string_view bytes = text.bytes();
    std::size_t copied = 0;
    for (std::size_t at = 0; at < bytes.size();) {
      const CodePoint point = decode_utf8(bytes, at);
      const std::string escape = escaped(point.value);
      if (!escape.empty()) {
        out_.append(text, copied, at);
        put(escape);
        copied = at + point.size;
      }
      at += point.size;
    }
    out_.append(text, copied, bytes.size());
    put("\"");
  }

  /// Empty for a character that stands for itself.
  std::string escaped(char32_t point) const {
    static constexpr std::string_view letters = "\"\\\n\r\t\f\b", escapes = "\"\\nrtfb";
    if (point < 0x80) {
      const auto known = letters.find(char(point));
      if (known != letters.npos) return {'\\', escapes[known]};
    }
    if (point >= 0x20 && (!style_.ascii || point <= 0x7f)) return "";
    if (point < 0x10000) return fmt::format("\\u{:04x}", std::uint32_t(point));
    const auto above = std::uint32_t(point) - 0x10000;
    return fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + (above >> 10), 0xdc00 + (above & 0x3ff));
  }

  const JsonStyle& style_;
  Budget& budget_;
  MarkedText out_;
  int depth_ = 0;
};

}  // namespace detail

VISPLAY_INLINE MarkedText json_text(const Value& value, const JsonStyle& style, Budget& budget) {
  detail::JsonWriter writer(style, budget);
  writer.write(value);
  return writer.finish();
}

}  // namespace visplay::jinja
