// Bodies of io/json.hpp.
#pragma once

#include <visplay/io/json.hpp>

#include <fmt/format.h>

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
  return printable(reason, 160);
}

template <class Value>
std::string json_line(const Value& value) {
  return value.dump(-1, ' ', false, Value::error_handler_t::replace);
}

// Checks depth and keys while it is told the parts of a text.
class JsonShape : public nlohmann::json_sax<Json> {
 public:
  JsonShape(std::string_view name, const JsonLimits& limits) : name_(name), limits_(limits) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(); }
  bool end_array() override { return close(); }
  bool key(string_t& key) override {
    check(!limits_.unique_keys || keys_.back().insert(key).second,
          "{}: key '{}' appears twice in one object", name_, printable(key));
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;  // the parser proper says what is wrong
  }

 private:
  bool open() {
    check(int(keys_.size()) < limits_.max_depth, "{}: JSON is nested deeper than {}", name_,
          limits_.max_depth);
    keys_.emplace_back();
    return true;
  }
  bool close() {
    keys_.pop_back();
    return true;
  }

  std::string_view name_;
  const JsonLimits& limits_;
  std::vector<std::set<std::string, std::less<>>> keys_;  // of each open object or array
};

}  // namespace detail

VISPLAY_INLINE Json parse_json(std::string_view text, std::string_view name,
                               const JsonLimits& limits) {
  check(text.size() <= limits.max_bytes, "{}: {} bytes of JSON, at most {} are read", name,
        text.size(), limits.max_bytes);
  // nlohmann takes a zero byte for the end of its input.
  check(text.find('\0') == text.npos, "{}: not JSON: a zero byte", name);
  try {
    // First the shape, without building anything; then the value. (A filter while parsing costs
    // time that grows with the square of an array's length.)
    detail::JsonShape shape(name, limits);
    Json::sax_parse(text, &shape);
    return Json::parse(text);
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
