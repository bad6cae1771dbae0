// Bodies of core/settings.hpp.
#pragma once

#include <visplay/core/settings.hpp>

#include <visplay/core/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <numeric>

namespace visplay {
namespace detail {

VISPLAY_INLINE std::vector<std::string> keys_of(std::span<const Field> fields) {
  std::vector<std::string> keys;
  for (const Field& field : fields) keys.push_back(field.key);
  return keys;
}

VISPLAY_INLINE const Field* find_field(std::span<const Field> fields, std::string_view key) {
  const auto found = std::ranges::find(fields, key, &Field::key);
  return found == fields.end() ? nullptr : &*found;
}

VISPLAY_INLINE std::string last_part(std::string_view key) {
  return std::string(key.substr(key.rfind('.') + 1));  // npos + 1 is 0
}

// Letters to insert, delete or replace (Levenshtein), one row of the table at a time.
VISPLAY_INLINE int edit_distance(std::string_view a, std::string_view b) {
  std::vector<int> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = int(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const int replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

VISPLAY_INLINE std::string suggestion(std::string_view name, std::span<const std::string> known,
                                      std::string_view prefix = "") {
  std::string text;
  for (const std::string& near : nearest_names(name, known))
    text += (text.empty() ? "; did you mean " : " or ") + std::string(prefix) + near;
  return text.empty() ? text : text + "?";
}

// "questioner" when the keys of a section were meant.
VISPLAY_INLINE bool is_section(std::string_view name, std::span<const Field> fields) {
  return std::ranges::any_of(
      fields, [prefix = std::string(name) + "."](auto& f) { return f.key.starts_with(prefix); });
}

VISPLAY_INLINE std::string shown(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all.size() > 60 ? all.substr(0, 57) + "..." : all;
}

// "--Max-New-Tokens" names the key max_new_tokens.
VISPLAY_INLINE std::string key_of_flag(std::string_view flag) {
  std::string key(flag.substr(2));
  std::ranges::replace(key, '-', '_');
  return key;
}

VISPLAY_INLINE bool is_flag(std::string_view word) {
  return word.size() > 2 && word.starts_with("--");
}

// One text as the value of a field: integers may be given as 1,2,3.
VISPLAY_INLINE std::vector<std::string> split_value(const Field* field, const std::string& text) {
  if (field == nullptr || field->kind != FieldKind::integers) return {text};
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// Text of `columns` bytes or less per line, broken at blanks; later lines start with `indent`.
VISPLAY_INLINE std::string wrapped(std::string_view text, int columns, int indent) {
  std::string out;
  int used = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (used > 0 && used + 1 + int(end) > columns) {
      out += "\n" + std::string(std::size_t(indent), ' ');
      used = 0;
    }
    if (used > 0) out += ' ';
    out += text.substr(0, end);
    used += int(end) + (used > 0);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

// "--label.low 0.25", "--model TEXT", "--resume".
VISPLAY_INLINE std::string flag_with_default(const Field& field) {
  const std::string flag = "--" + field.key;
  if (field.kind == FieldKind::boolean) return flag;
  if (field.is_list()) return flag + (field.kind == FieldKind::texts ? " TEXT..." : " N...");
  const std::string value = field.texts().at(0);
  const bool is_short = !value.empty() && value.size() <= 12 && value.find(' ') == value.npos;
  return flag + " " + (is_short ? value : "TEXT");
}

}  // namespace detail

VISPLAY_INLINE std::vector<std::string> nearest_names(std::string_view name,
                                                      std::span<const std::string> known) {
  std::vector<std::pair<int, std::string>> near;
  for (const std::string& candidate : known) {
    const bool same_end = detail::last_part(candidate) == detail::last_part(name);
    const int distance = detail::edit_distance(name, candidate);
    if (same_end || distance <= std::max(2, int(name.size()) / 3))
      near.emplace_back(distance, candidate);
  }
  std::ranges::stable_sort(near, {}, &std::pair<int, std::string>::first);
  std::vector<std::string> names;
  for (const auto& [distance, candidate] : near)
    if (distance <= near.front().first + 2 && names.size() < 3) names.push_back(candidate);
  return names;
}

VISPLAY_INLINE std::vector<Setting> flag_settings(std::span<const std::string> arguments,
                                                  std::span<const Field> fields) {
  std::vector<Setting> settings;
  for (std::size_t i = 0; i < arguments.size();) {
    const std::string& word = arguments[i++];
    if (!detail::is_flag(word))
      throw UsageError(
          fmt::format("unexpected argument '{}': flags are --key value; see --help", word));
    const std::size_t equals = word.find('=');
    Setting setting{.key = detail::key_of_flag(word.substr(0, equals)), .origin = "flag"};
    const Field* field = detail::find_field(fields, setting.key);
    if (field == nullptr && !detail::is_section(setting.key, fields))
      throw UsageError(fmt::format("unknown flag {}{}", word.substr(0, equals),
                                   detail::suggestion(setting.key, detail::keys_of(fields), "--")));
    const auto is_value = [&] { return i < arguments.size() && !detail::is_flag(arguments[i]); };
    const auto take = [&](const std::string& text) {
      std::ranges::copy(detail::split_value(field, text), std::back_inserter(setting.texts));
    };
    if (equals != std::string::npos)
      take(word.substr(equals + 1));
    else if (field != nullptr && field->is_list())
      while (is_value()) take(arguments[i++]);
    else if (is_value())
      take(arguments[i++]);
    else if (field != nullptr && field->kind == FieldKind::boolean)
      take("true");
    if (setting.texts.empty())
      throw UsageError(fmt::format("{}: a value is missing{}", word,
                                   field ? "; expected " + expected_of(*field) : std::string()));
    settings.push_back(std::move(setting));
  }
  return settings;
}

VISPLAY_INLINE std::vector<Setting> environment_settings(
    std::span<const std::pair<std::string, std::string>> environment, std::span<const Field> fields,
    std::span<const std::string> reserved) {
  constexpr std::string_view prefix = "VISPLAY_";
  std::map<std::string, std::string, std::less<>> key_of_name;
  std::vector<std::string> names;
  for (const Field& field : fields) {
    std::string name(prefix);
    for (const char c : field.key)
      name += c == '.' ? "__" : std::string(1, char(std::toupper(static_cast<unsigned char>(c))));
    names.push_back(name.substr(prefix.size()));
    key_of_name.emplace(std::move(name), field.key);
  }
  std::vector<Setting> settings;
  for (const auto& [name, value] : environment) {
    if (!name.starts_with(prefix)) continue;
    if (std::ranges::find(reserved, std::string_view(name).substr(prefix.size())) != reserved.end())
      continue;
    const auto known = key_of_name.find(name);
    if (known == key_of_name.end())
      throw UsageError(fmt::format("unknown key in the environment: {}{}", name,
                                   detail::suggestion(name.substr(prefix.size()), names, prefix)));
    settings.push_back(
        {.key = known->second,
         .texts = detail::split_value(detail::find_field(fields, known->second), value),
         .origin = name});
  }
  std::ranges::stable_sort(settings, {}, &Setting::key);  // the environment has no order of its own
  return settings;
}

VISPLAY_INLINE Origins apply_settings(std::span<const Setting> settings,
                                      std::span<const Field> fields) {
  Origins origins;
  for (const Setting& setting : settings) {
    const Field* field = detail::find_field(fields, setting.key);
    if (field == nullptr && detail::is_section(setting.key, fields))
      throw UsageError(fmt::format("{} ({}): expected a section of keys, got '{}'", setting.key,
                                   setting.origin, detail::shown(setting.texts)));
    if (field == nullptr)
      throw UsageError(fmt::format("unknown key '{}' ({}){}", setting.key, setting.origin,
                                   detail::suggestion(setting.key, detail::keys_of(fields))));
    if (!field->assign(setting.texts))
      throw UsageError(fmt::format("{}: expected {}, got '{}' ({})", setting.key,
                                   expected_of(*field), detail::shown(setting.texts),
                                   setting.origin));
    origins[setting.key] = setting.origin;
  }
  return origins;
}

VISPLAY_INLINE const Setting* find_setting(std::span<const Setting> settings,
                                           std::string_view key) {
  for (auto i = settings.size(); i-- > 0;)
    if (settings[i].key == key) return &settings[i];
  return nullptr;
}

VISPLAY_INLINE std::string help_of(std::span<const Field> fields, int width) {
  std::size_t flag_width = 0;
  for (const Field& field : fields)
    flag_width = std::max(flag_width, detail::flag_with_default(field).size());
  const int indent = int(flag_width) + 4;
  std::string text, section;
  for (const Field& field : fields) {
    const std::string own = field.key.substr(0, field.key.find('.'));
    const std::string its_section = own == field.key ? "" : own;
    if (&field != fields.data() && its_section != section) text += '\n';
    section = its_section;
    const std::string limits =
        field.kind == FieldKind::choice ? expected_of(field) : bounds_of(field);
    const std::string entry = limits.empty() ? field.help : field.help + "; " + limits;
    text += fmt::format("  {:<{}}  {}\n", detail::flag_with_default(field), flag_width,
                        detail::wrapped(entry, std::max(width - indent, 20), indent));
  }
  return text;
}

}  // namespace visplay
