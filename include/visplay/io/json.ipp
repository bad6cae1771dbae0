// Bodies of io/json.hpp.
#pragma once

#include <visplay/io/json.hpp>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>
#include <utility>
#include <vector>

namespace visplay {
namespace detail {

// nlohmann's message without its "[json.exception.parse_error.101] " and without the dump of what
// was read last, which can be long.
VISPLAY_INLINE std::string json_reason(const std::exception& error) {
  std::string reason = error.what();
  if (const auto close = reason.find("] "); close != std::string::npos) reason.erase(0, close + 2);
  if (const auto last = reason.find("; last read"); last != std::string::npos) reason.erase(last);
  return reason.substr(0, 160);
}

template <class Value>
std::string json_line(const Value& value) {
  return value.dump(-1, ' ', false, Value::error_handler_t::replace);
}

}  // namespace detail

VISPLAY_INLINE Json parse_json(std::string_view text, std::string_view name,
                               const JsonLimits& limits) {
  check(text.size() <= limits.max_bytes, "{}: {} bytes of JSON, at most {} are read", name,
        text.size(), limits.max_bytes);
  std::vector<std::set<std::string, std::less<>>> open_objects;
  const auto guard = [&](int depth, Json::parse_event_t event, Json& parsed) {
    using Event = Json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start)
      check(depth < limits.max_depth, "{}: JSON is nested deeper than {}", name, limits.max_depth);
    if (!limits.unique_keys) return true;
    if (event == Event::object_start) open_objects.emplace_back();
    if (event == Event::object_end) open_objects.pop_back();
    if (event == Event::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      check(open_objects.back().insert(key).second, "{}: key '{}' appears twice in one object",
            name, key.substr(0, 80));
    }
    return true;
  };
  try {
    return Json::parse(text.begin(), text.end(), guard);
  } catch (const Json::exception& error) {
    throw Error(fmt::format("{}: not JSON: {}", name, detail::json_reason(error)));
  }
}

VISPLAY_INLINE Json read_json_file(const std::filesystem::path& path, const JsonLimits& limits) {
  std::error_code failure;
  const auto bytes = std::filesystem::file_size(path, failure);
  check(!failure, "{}: {}", path.string(), failure.message());
  check(bytes <= limits.max_bytes, "{}: {} bytes of JSON, at most {} are read", path.string(),
        bytes, limits.max_bytes);
  std::ifstream file(path, std::ios::binary);
  check(file.is_open(), "{}: {}", path.string(), std::strerror(errno));
  std::string text(std::size_t(bytes), '\0');
  file.read(text.data(), std::streamsize(text.size()));
  check(file.gcount() == std::streamsize(text.size()), "{}: could not be read to its end",
        path.string());
  return parse_json(text, path.string(), limits);
}

VISPLAY_INLINE std::string write_json(const Json& value) { return detail::json_line(value); }
VISPLAY_INLINE std::string write_json(const OrderedJson& value) { return detail::json_line(value); }

}  // namespace visplay
