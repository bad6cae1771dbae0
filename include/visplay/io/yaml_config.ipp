// Bodies of io/yaml_config.hpp.
#pragma once

#include <visplay/io/yaml_config.hpp>

#include <visplay/core/error.hpp>
#include <visplay/io/json.hpp>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>

namespace visplay {
namespace detail {

VISPLAY_INLINE std::string yaml_scalar(const YAML::Node& node, const std::string& where) {
  if (!node.IsScalar()) throw UsageError(where + ": expected a value or a list of values");
  return node.Scalar();
}

// Appends the settings below one map. The depth also ends an alias that contains itself.
VISPLAY_INLINE void flatten_yaml(const YAML::Node& map, const std::string& prefix,
                                 const std::string& name, int depth,
                                 std::vector<Setting>& settings) {
  if (depth > 8) throw UsageError(fmt::format("{}: nested deeper than 8 levels", name));
  std::set<std::string> seen;
  for (const auto& entry : map) {
    const std::string where = fmt::format("{}:{}", name, entry.first.Mark().line + 1);
    if (!entry.first.IsScalar()) throw UsageError(where + ": a key must be one word");
    const std::string key = prefix + entry.first.Scalar();
    if (!seen.insert(key).second)
      throw UsageError(fmt::format("{}: '{}' appears twice", where, key));
    if (settings.size() > 10'000) throw UsageError(fmt::format("{}: too many keys", name));
    if (entry.second.IsMap()) {
      flatten_yaml(entry.second, key + ".", name, depth + 1, settings);
      continue;
    }
    Setting setting{.key = key, .origin = where};
    if (entry.second.IsSequence())
      for (const auto& element : entry.second) setting.texts.push_back(yaml_scalar(element, where));
    else if (!entry.second.IsNull())
      setting.texts.push_back(yaml_scalar(entry.second, where));
    settings.push_back(std::move(setting));
  }
}

// Plain where no YAML reader takes it for anything but this text, else in double quotes, whose
// escapes JSON shares.
VISPLAY_INLINE std::string yaml_quoted(const std::string& text) {
  constexpr std::array<std::string_view, 9> words{"true", "false", "yes", "no", "on",
                                                  "off",  "null",  "y",   "n"};
  const auto lower = [](char c) { return char(std::tolower(static_cast<unsigned char>(c))); };
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || std::strchr("_./-", c) != nullptr;
  };
  std::string small(text);
  std::ranges::transform(small, small.begin(), lower);
  if (!text.empty() && (std::isalpha(static_cast<unsigned char>(text[0])) || text[0] == '/') &&
      std::ranges::all_of(text, plain) && text.find('\0') == std::string::npos &&
      std::ranges::find(words, small) == words.end())
    return text;
  return write_json(Json(text));
}

VISPLAY_INLINE std::string yaml_value(const Field& field) {
  const auto texts = field.texts();
  const bool quoted = field.kind == FieldKind::text || field.kind == FieldKind::texts;
  const auto one = [&](const std::string& text) { return quoted ? yaml_quoted(text) : text; };
  if (!field.is_list()) return one(texts.at(0));
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "" : ", ") + one(text);
  return "[" + list + "]";
}

}  // namespace detail

VISPLAY_INLINE std::vector<Setting> yaml_settings(const std::string& text,
                                                  const std::string& name) {
  std::vector<Setting> settings;
  try {
    const YAML::Node root = YAML::Load(text);
    if (root.IsNull() || !root.IsDefined()) return settings;
    if (!root.IsMap()) throw UsageError(fmt::format("{}: expected `key: value` lines", name));
    detail::flatten_yaml(root, "", name, 1, settings);
  } catch (const YAML::Exception& error) {
    throw UsageError(fmt::format("{}:{}: not YAML: {}", name, error.mark.line + 1, error.msg));
  }
  return settings;
}

VISPLAY_INLINE std::vector<Setting> yaml_file_settings(const std::filesystem::path& path) {
  std::error_code failure;
  const auto bytes = std::filesystem::file_size(path, failure);
  if (failure)
    throw UsageError(fmt::format("config file {}: {}", path.string(), failure.message()));
  if (bytes > (1u << 20))
    throw UsageError(fmt::format("config file {}: larger than 1 MiB", path.string()));
  std::ifstream file(path, std::ios::binary);
  std::string text(std::size_t(bytes), '\0');
  if (!file.read(text.data(), std::streamsize(bytes)))
    throw UsageError(fmt::format("config file {}: {}", path.string(), std::strerror(errno)));
  return yaml_settings(text, path.string());
}

VISPLAY_INLINE std::vector<Setting> gather_settings(const ConfigSources& sources,
                                                    std::span<const Field> fields) {
  std::vector<Setting> all;
  const auto append = [&](std::vector<Setting> more) {
    all.insert(all.end(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
  };
  for (const auto& file : sources.files)
    for (Setting& setting : yaml_file_settings(file)) {
      const bool is_empty_section =
          setting.texts.empty() && detail::is_section(setting.key, fields);
      if (is_empty_section) continue;
      all.push_back(std::move(setting));
    }
  append(environment_settings(sources.environment, fields, sources.reserved));
  append(flag_settings(sources.arguments, fields));
  return all;
}

VISPLAY_INLINE std::string config_yaml(std::span<const Field> fields, const Origins& origins,
                                       const std::string& of_default) {
  struct Line {
    std::string text, origin;
  };
  std::vector<Line> lines;
  std::vector<std::string> open;  // sections the last line stood in
  for (const Field& field : fields) {
    if (field.is_request) continue;
    std::vector<std::string> parts;
    std::string_view rest = field.key;
    for (std::size_t dot; (dot = rest.find('.')) != std::string_view::npos;
         rest.remove_prefix(dot + 1))
      parts.emplace_back(rest.substr(0, dot));
    std::size_t same = 0;
    while (same < std::min(open.size(), parts.size()) && open[same] == parts[same]) ++same;
    for (std::size_t i = same; i < parts.size(); ++i)
      lines.push_back({std::string(2 * i, ' ') + parts[i] + ":", ""});
    open = parts;
    const auto origin = origins.find(field.key);
    lines.push_back({fmt::format("{}{}: {}", std::string(2 * parts.size(), ' '), rest,
                                 detail::yaml_value(field)),
                     origin == origins.end() ? of_default : origin->second});
  }
  std::string text = "# Every setting of this run with its origin. Give this file to --config.\n";
  for (const Line& line : lines)
    text += line.origin.empty() ? line.text + "\n"
                                : fmt::format("{:<36}  # {}\n", line.text, line.origin);
  return text;
}

}  // namespace visplay
