#include <visplay/core/error.hpp>
#include <visplay/io/yaml_config.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <filesystem>
#include <fstream>

using namespace visplay;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::Message;
using Catch::Matchers::MessageMatches;
using Words = std::vector<std::string>;

namespace ship {

struct Sail {
  double area = 12.5;
  std::optional<int> reefs{};
};
void describe(auto& visit, OfType<Sail> auto& sail) {
  visit("area", sail.area, "square metres", above(0));
  visit("reefs", sail.reefs, "rows", at_least(1));
}

struct Mast {
  Sail sail{};
  bool tall = false;
};
void describe(auto& visit, OfType<Mast> auto& mast) {
  visit("sail", mast.sail);
  visit("tall", mast.tall, "taller than the ship is long");
}

struct Ship {
  std::string name = "no";
  int seed = 0;
  bool resume = false;
  Mast fore{};
  Mast main{};
  Words crew{};
};
void describe(auto& visit, OfType<Ship> auto& s) {
  visit("name", s.name, "on the stern");
  visit("seed", s.seed, "of the voyage");
  visit("resume", s.resume, "sail on", RequestOfOneStart{});
  visit("fore", s.fore);
  visit("main", s.main);
  visit("crew", s.crew, "names");
}

}  // namespace ship

namespace {

std::filesystem::path write(const std::string& name, const std::string& text) {
  const auto path = std::filesystem::temp_directory_path() / ("visplay_yaml_test_" + name);
  std::ofstream(path) << text;
  return path;
}

ship::Ship from_text(const std::string& text) {
  return resolve_config<ship::Ship>({.files = {write("text.yaml", text)}}).config;
}

}  // namespace

TEST_CASE("nested YAML fills the config") {
  const auto s = from_text(
      "name: Endurance\n"
      "fore:\n  sail: {area: 3, reefs: 2}\n  tall: yes\n"
      "main:\n"
      "crew: [Frank, \"Tom, C.\"]\n");
  CHECK(s.name == "Endurance");
  CHECK(s.fore.sail.area == 3);
  CHECK(s.fore.sail.reefs == 2);
  CHECK(s.fore.tall);
  CHECK(s.crew == Words{"Frank", "Tom, C."});
  CHECK(differing_keys(from_text(""), ship::Ship{}).empty());
}

TEST_CASE("off, null and nothing switch an optional value off, and are no text") {
  for (const char* off : {"off", "null", "~", ""})
    CHECK_FALSE(from_text(std::string("main: {sail: {reefs: ") + off + "}}").main.sail.reefs);
  CHECK_THROWS_AS(from_text("name:\n"), UsageError);
}

TEST_CASE("default, file, environment and flag win in this order") {
  const auto a = write("a.yaml", "seed: 1\nname: a\nmain: {tall: true}\n");
  const auto b = write("b.yaml", "seed: 2\n");
  ConfigSources sources{.files = {a, b}};
  CHECK(resolve_config<ship::Ship>(sources).config.seed == 2);
  sources.environment = {{"VISPLAY_SEED", "3"}};
  CHECK(resolve_config<ship::Ship>(sources).config.seed == 3);
  sources.arguments = {"--seed", "4"};
  const auto resolved = resolve_config<ship::Ship>(sources);
  CHECK(resolved.config.seed == 4);
  CHECK(resolved.config.name == "a");
  CHECK(resolved.origins.at("seed") == "flag");
  CHECK(resolved.origins.at("name") == a.string() + ":2");
}

TEST_CASE("defaults may depend on a key, and an explicit key beats them") {
  const auto defaults = [](std::span<const Setting> settings) {
    ship::Ship s;
    if (const Setting* name = find_setting(settings, "name"); name && name->texts[0] == "big")
      s.fore.sail.area = s.main.sail.area = 99;
    return s;
  };
  const auto file = write("big.yaml", "fore: {sail: {area: 5}}\n");
  const auto resolved =
      resolve_config<ship::Ship>({.files = {file}, .arguments = {"--name", "big"}}, defaults);
  CHECK(resolved.config.fore.sail.area == 5);
  CHECK(resolved.config.main.sail.area == 99);
}

TEST_CASE("a wrong file is one sentence with file and line") {
  CHECK_THROWS_MATCHES(yaml_settings("seed: 1\nseed: 2\n", "x.yaml"), UsageError,
                       Message("x.yaml:2: 'seed' appears twice"));
  CHECK_THROWS_MATCHES(yaml_settings("a: [1\n", "x.yaml"), UsageError,
                       MessageMatches(ContainsSubstring("not YAML")));
  CHECK_THROWS_AS(yaml_settings("- a\n- b\n", "x.yaml"), UsageError);
  CHECK_THROWS_AS(yaml_settings("a: [[1]]\n", "x.yaml"), UsageError);
  CHECK_THROWS_AS(yaml_settings("a: {b: {c: {d: {e: {f: {g: {h: {i: 1}}}}}}}}\n", "x"), UsageError);
  CHECK_THROWS_AS(yaml_settings(std::string(100'000, '['), "x"), UsageError);
  CHECK_THROWS_MATCHES(yaml_file_settings("/no/such.yaml"), UsageError,
                       Message("config file /no/such.yaml: No such file or directory"));
  CHECK_THROWS_AS(yaml_file_settings("/"), UsageError);
  const auto file = write("wrong.yaml", "name: x\nmain:\n  sail: {aera: 3}\n");
  CHECK_THROWS_MATCHES(resolve_config<ship::Ship>({.files = {file}}), UsageError,
                       MessageMatches(ContainsSubstring("unknown key 'main.sail.aera'") &&
                                      ContainsSubstring(":3); did you mean main.sail.area")));
}

TEST_CASE("what is saved names every origin and reads back as the same config") {
  ship::Ship s;
  s.name = "two\nlines: \"quoted\" # no comment \x01 caf\xc3\xa9";
  s.fore.sail = {.area = 0.1, .reefs = 3};
  s.crew = {"yes", "12", "", "plain", "-", "a,b"};
  s.resume = true;
  const std::string text = config_yaml(fields_of(s), {{"seed", "flag"}}, "paper default");
  CHECK_THAT(text, ContainsSubstring("# flag") && ContainsSubstring("# paper default") &&
                       !ContainsSubstring("resume"));
  const ship::Ship again = from_text(text);
  CHECK(differing_keys(s, again) == Words{"resume"});
  ship::Ship word;
  for (const char* name : {"null", "~", "off", "1e3", ".5", "a: b", "#x", "/runs/a-1", ""}) {
    word.name = name;
    CHECK(from_text(config_yaml(fields_of(word), {})).name == name);
  }
}
