#include <visplay/core/describe.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <limits>

using namespace visplay;

namespace desk {

enum class Light { low, bright };
constexpr std::array<std::string_view, 2> choices_of(Light) { return {"low", "bright"}; }

struct Lamp {
  Light light = Light::low;
  std::optional<double> hours{};
  bool on = false;
};
void describe(auto& visit, OfType<Lamp> auto& lamp) {
  visit("light", lamp.light, "how strong");
  visit("hours", lamp.hours, "until it goes out", above_up_to(0, 24));
  visit("on", lamp.on, "shines", RequestOfOneStart{});
}

struct Desk {
  int drawers = 3;
  std::uint64_t serial = 0;
  std::string owner = "nobody";
  Lamp lamp{};
  std::vector<std::string> books{};
  std::vector<std::int64_t> pages{};
};
void describe(auto& visit, OfType<Desk> auto& desk) {
  visit("drawers", desk.drawers, "count", between(1, 9));
  visit("serial", desk.serial, "number");
  visit("owner", desk.owner, "name");
  visit("lamp", desk.lamp);
  visit("books", desk.books, "titles");
  visit("pages", desk.pages, "numbers", at_least(0));
}

}  // namespace desk

namespace {

Field& field(std::vector<Field>& fields, std::string_view key) {
  for (Field& f : fields)
    if (f.key == key) return f;
  FAIL("no field " << key);
  return fields.front();
}

}  // namespace

TEST_CASE("the keys of a struct are its members in order, sections with a dot") {
  desk::Desk desk;
  std::vector<std::string> keys;
  for (const Field& f : fields_of(desk)) keys.push_back(f.key);
  CHECK(keys == std::vector<std::string>{"drawers", "serial", "owner", "lamp.light", "lamp.hours",
                                         "lamp.on", "books", "pages"});
}

TEST_CASE("a text sets the value it names and is given back unchanged") {
  desk::Desk desk;
  auto fields = fields_of(desk);
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases{
      {"drawers", {"9"}},      {"serial", {"18446744073709551615"}},
      {"owner", {"off"}},      {"lamp.light", {"bright"}},
      {"lamp.hours", {"0.1"}}, {"lamp.hours", {"off"}},
      {"lamp.on", {"true"}},   {"books", {"a, b", "", "c"}},
      {"books", {}},           {"pages", {"7", "0"}}};
  for (const auto& [key, texts] : cases) {
    CAPTURE(key);
    CHECK(field(fields, key).assign(texts));
    CHECK(field(fields, key).texts() == texts);
  }
  CHECK(desk.serial == std::numeric_limits<std::uint64_t>::max());
  CHECK(desk.lamp.light == desk::Light::bright);
  CHECK(desk.owner == "off");
}

TEST_CASE("a text that does not fit changes nothing") {
  desk::Desk desk;
  auto fields = fields_of(desk);
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases{
      {"drawers", {"0"}},          {"drawers", {"10"}},    {"drawers", {"3.0"}},
      {"drawers", {"3x"}},         {"drawers", {""}},      {"drawers", {"1", "2"}},
      {"drawers", {"off"}},        {"drawers", {"+3"}},    {"drawers", {"99999999999"}},
      {"serial", {"-1"}},          {"lamp.hours", {"0"}},  {"lamp.hours", {"nan"}},
      {"lamp.hours", {"inf"}},     {"lamp.on", {"maybe"}}, {"lamp.light", {"dim"}},
      {"pages", {"1", "2", "-3"}}, {"owner", {}}};
  for (const auto& [key, texts] : cases) {
    CAPTURE(key);
    CHECK_FALSE(field(fields, key).assign(texts));
  }
  CHECK(differing_keys(desk, desk::Desk{}).empty());
}

TEST_CASE("two configs differ in the keys that were changed") {
  desk::Desk a, b;
  b.lamp.hours = 2;
  b.books = {"x"};
  CHECK(differing_keys(a, b) == std::vector<std::string>{"lamp.hours", "books"});
}

TEST_CASE("a field says what it expects in words") {
  desk::Desk desk;
  auto fields = fields_of(desk);
  CHECK(expected_of(field(fields, "drawers")) == "an integer, from 1 to 9");
  CHECK(expected_of(field(fields, "lamp.hours")) == "a number, above 0 and at most 24, or off");
  CHECK(expected_of(field(fields, "lamp.light")) == "low | bright");
  CHECK(field(fields, "lamp.on").is_request);
  CHECK_FALSE(field(fields, "drawers").is_request);
}
