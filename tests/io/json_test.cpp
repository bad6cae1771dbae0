#include <visplay/io/json.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cmath>
#include <filesystem>
#include <fstream>

using namespace visplay;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

TEST_CASE("a text that is not JSON is one sentence that names it") {
  CHECK_THROWS_MATCHES(parse_json("{\"a\": }", "config.json"), Error,
                       MessageMatches(ContainsSubstring("config.json: not JSON: parse error at")));
  CHECK_THROWS_AS(parse_json("", "empty"), Error);
  CHECK_THROWS_AS(parse_json("{} {}", "two values"), Error);
  CHECK_THROWS_AS(parse_json("[1e999]", "too large a number"), Error);
  CHECK_THROWS_AS(parse_json("[\"\xff\"]", "not UTF-8"), Error);
}

TEST_CASE("a key that appears twice in one object is refused, in two objects it is not") {
  CHECK_THROWS_MATCHES(parse_json(R"({"a": 1, "\u0061": 2})", "header"), Error,
                       MessageMatches(ContainsSubstring("key 'a' appears twice")));
  CHECK(parse_json(R"({"a": {"a": 1}, "b": [{"a": 1}, {"a": 2}]})", "header").size() == 2);
  CHECK(parse_json(R"({"a": 1, "a": 2})", "header", {.unique_keys = false}).at("a") == 2);
}

TEST_CASE("nesting is bounded while parsing, so a hostile text cannot crash a copy") {
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  CHECK_THROWS_MATCHES(parse_json(deep, "deep"), Error,
                       MessageMatches(ContainsSubstring("nested deeper than 64")));
  CHECK(parse_json("[[1]]", "two", {.max_depth = 2}).is_array());
  CHECK_THROWS_AS(parse_json("[[1]]", "two", {.max_depth = 1}), Error);
  CHECK(parse_json("3", "scalar", {.max_depth = 0}) == 3);
}

TEST_CASE("a text longer than the limit is refused before it is parsed") {
  CHECK_THROWS_AS(parse_json("[1, 2, 3]", "long", {.max_bytes = 8}), Error);
}

TEST_CASE("fields are read without silent conversions") {
  const Json object = parse_json(
      R"({"n": 3, "x": 2.5, "t": true, "s": "word", "big": 3000000000, "minus": -1, "z": null})",
      "o");
  CHECK(json_field<int>(object, "n", "o") == 3);
  CHECK(json_field<float>(object, "n", "o") == 3.f);
  CHECK(json_field<std::string>(object, "s", "o") == "word");
  CHECK_THROWS_AS(json_field<int>(object, "x", "o"), Error);
  CHECK_THROWS_AS(json_field<int>(object, "t", "o"), Error);
  CHECK_THROWS_AS(json_field<int>(object, "big", "o"), Error);
  CHECK_THROWS_AS(json_field<unsigned>(object, "minus", "o"), Error);
  CHECK_THROWS_MATCHES(json_field<int>(object, "m", "o"), Error,
                       MessageMatches(ContainsSubstring("o: 'm' is missing")));
  CHECK(json_field_or(object, "m", "o", 7) == 7);
  CHECK(json_field_or(object, "z", "o", 7) == 7);
  CHECK_THROWS_AS(json_field_or(object, "s", "o", 7), Error);
}

TEST_CASE("writing never throws on model text and keeps the order of the fields") {
  const OrderedJson line{{"z", "caf\xe9"}, {"a", 0.1f}, {"nan", std::nan("")}};
  CHECK(write_json(line) == "{\"z\":\"caf\xef\xbf\xbd\",\"a\":0.10000000149011612,\"nan\":null}");
}

TEST_CASE("a file that is missing or is a folder is one sentence") {
  CHECK_THROWS_MATCHES(read_json_file("/no/such/file.json"), Error,
                       MessageMatches(ContainsSubstring("/no/such/file.json: No such file")));
  CHECK_THROWS_AS(read_json_file(std::filesystem::temp_directory_path()), Error);
}
