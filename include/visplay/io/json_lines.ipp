// Bodies of json_lines.hpp.
#pragma once

#include <visplay/io/json_lines.hpp>

#include <fmt/format.h>

#include <fstream>
#include <system_error>

namespace visplay {

VISPLAY_INLINE void for_each_json_line(
    const std::filesystem::path& path,
    const std::function<void(const Json& line, const std::string& where)>& visit,
    const JsonLimits& limits) {
  std::error_code ignored;
  std::ifstream file(path);
  check(file.good() && !std::filesystem::is_directory(path, ignored), "{}: cannot be read",
        path.string());
  std::string line;
  for (std::size_t number = 1; std::getline(file, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string where = fmt::format("{}:{}", path.string(), number);
    const Json value = parse_json(line, where, limits);
    check(value.is_object(), "{}: expected a JSON object, got {}", where, value.type_name());
    visit(value, where);
  }
  check(!file.bad(), "{}: reading failed", path.string());
}

}  // namespace visplay
