// JSONL files: one JSON object a line, blank lines allowed.
//
//   for_each_json_line("truth.jsonl", [](const Json& line, const std::string& where) {
//     use(json_field<std::string>(line, "image", where));   // where: "truth.jsonl:7"
//   });
#pragma once

#include <visplay/io/json.hpp>

#include <filesystem>
#include <functional>
#include <string>

namespace visplay {

/// Calls visit for each line in order.
/// @throws Error, with file and line number, if the file cannot be read or a line is not a JSON
/// object within the limits
void for_each_json_line(
    const std::filesystem::path& path,
    const std::function<void(const Json& line, const std::string& where)>& visit,
    const JsonLimits& limits = {});

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/io/json_lines.ipp>
#endif
