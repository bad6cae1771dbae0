#include <visplay/core/describe.hpp>
#include <visplay/core/error.hpp>
#include <visplay/core/settings.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace visplay;
using Catch::Matchers::Message;
using Words = std::vector<std::string>;

namespace shop {

struct Oven {
  int group_size = 8;
  std::optional<double> margin{};
};
void describe(auto& visit, OfType<Oven> auto& oven) {
  visit("group_size", oven.group_size, "loaves at once", at_least(2));
  visit("margin", oven.margin, "of error", between(0, 1));
}

struct Bakery {
  std::string model = "stone";
  bool resume = false;
  Oven questioner{};
  Oven reasoner{};
  Words image{};
  std::vector<std::int64_t> banned_ids{};
};
void describe(auto& visit, OfType<Bakery> auto& b) {
  visit("model", b.model, "kind of oven");
  visit("resume", b.resume, "go on with a run", RequestOfOneStart{});
  visit("questioner", b.questioner);
  visit("reasoner", b.reasoner);
  visit("image", b.image, "files");
  visit("banned_ids", b.banned_ids, "never used", at_least(0));
}

}  // namespace shop

namespace {

shop::Bakery from_flags(const Words& arguments) {
  shop::Bakery bakery;
  const auto fields = fields_of(bakery);
  apply_settings(flag_settings(arguments, fields), fields);
  return bakery;
}

shop::Bakery from_environment(std::vector<std::pair<std::string, std::string>> environment) {
  shop::Bakery bakery;
  const auto fields = fields_of(bakery);
  apply_settings(environment_settings(environment, fields, Words{"DATA"}), fields);
  return bakery;
}

}  // namespace

TEST_CASE("flags are keys, with minus or underscore, with blank or equals sign") {
  CHECK(from_flags({"--questioner.group_size", "4"}).questioner.group_size == 4);
  CHECK(from_flags({"--questioner.group-size=4"}).questioner.group_size == 4);
  CHECK(from_flags({"--model", "a", "--model", "b"}).model == "b");
  CHECK(from_flags({"--model=--x=y"}).model == "--x=y");
  CHECK(from_flags({"--reasoner.margin", "0.5", "--reasoner.margin", "off"}).reasoner.margin ==
        std::nullopt);
}

TEST_CASE("a boolean flag needs no value") {
  CHECK(from_flags({"--resume"}).resume);
  CHECK(from_flags({"--resume", "--model", "x"}).resume);
  CHECK_FALSE(from_flags({"--resume=false"}).resume);
  CHECK_THROWS_MATCHES(from_flags({"--resume", "now"}), UsageError,
                       Message("resume: expected true or false, got 'now' (flag)"));
}

TEST_CASE("a list flag takes every value up to the next flag") {
  CHECK(from_flags({"--image", "a.png", "b,c.png", "--resume"}).image == Words{"a.png", "b,c.png"});
  CHECK(from_flags({"--banned_ids", "1,2", "3"}).banned_ids == std::vector<std::int64_t>{1, 2, 3});
}

TEST_CASE("a wrong flag is one sentence that suggests the nearest keys") {
  CHECK_THROWS_MATCHES(
      from_flags({"--questioner.grup_size", "4"}), UsageError,
      Message("unknown flag --questioner.grup_size; did you mean --questioner.group_size?"));
  CHECK_THROWS_MATCHES(from_flags({"--group-size", "4"}), UsageError,
                       Message("unknown flag --group-size; did you mean --reasoner.group_size or "
                               "--questioner.group_size?"));
  CHECK_THROWS_MATCHES(from_flags({"--entirely-different"}), UsageError,
                       Message("unknown flag --entirely-different"));
  CHECK_THROWS_MATCHES(from_flags({"stone"}), UsageError,
                       Message("unexpected argument 'stone': flags are --key value; see --help"));
  CHECK_THROWS_MATCHES(
      from_flags({"--questioner.group_size"}), UsageError,
      Message("--questioner.group_size: a value is missing; expected an integer, at least 2"));
  CHECK_THROWS_MATCHES(from_flags({"--questioner", "5"}), UsageError,
                       Message("questioner (flag): expected a section of keys, got '5'"));
}

TEST_CASE("a value out of range names key, range, value and origin") {
  CHECK_THROWS_MATCHES(
      from_flags({"--questioner.group_size", "1"}), UsageError,
      Message("questioner.group_size: expected an integer, at least 2, got '1' (flag)"));
  CHECK_THROWS_MATCHES(from_environment({{"VISPLAY_REASONER__MARGIN", "2"}}), UsageError,
                       Message("reasoner.margin: expected a number, from 0 to 1, or off, got '2' "
                               "(VISPLAY_REASONER__MARGIN)"));
}

TEST_CASE("environment names are keys in capitals with two underscores for a dot") {
  const auto bakery = from_environment({{"HOME", "/root"},
                                        {"VISPLAY_DATA", "/share"},
                                        {"VISPLAY_MODEL", "brick"},
                                        {"VISPLAY_QUESTIONER__GROUP_SIZE", "3"},
                                        {"VISPLAY_BANNED_IDS", "5,6"}});
  CHECK(bakery.model == "brick");
  CHECK(bakery.questioner.group_size == 3);
  CHECK(bakery.banned_ids == std::vector<std::int64_t>{5, 6});
  CHECK_THROWS_MATCHES(from_environment({{"VISPLAY_MODLE", "x"}}), UsageError,
                       Message("unknown key in the environment: VISPLAY_MODLE; did you mean "
                               "VISPLAY_MODEL?"));
}

TEST_CASE("origins name the last source of each key that was set") {
  shop::Bakery bakery;
  const auto fields = fields_of(bakery);
  const std::vector<Setting> settings{{"model", {"a"}, "x.yaml:1"}, {"model", {"b"}, "flag"}};
  CHECK(apply_settings(settings, fields) == Origins{{"model", "flag"}});
  CHECK(bakery.model == "b");
  CHECK(find_setting(settings, "model")->origin == "flag");
  CHECK(find_setting(settings, "image") == nullptr);
}

TEST_CASE("help has one entry for every key and no line over the width") {
  shop::Bakery bakery;
  const auto fields = fields_of(bakery);
  const std::string help = help_of(fields, 60);
  for (const Field& field : fields) CHECK(help.find("--" + field.key + " ") != std::string::npos);
  CHECK(help.find("--questioner.group_size 8  ") != std::string::npos);
  for (std::size_t begin = 0; begin < help.size();) {
    const std::size_t end = help.find('\n', begin);
    CHECK(end - begin <= 60);
    begin = end + 1;
  }
}
