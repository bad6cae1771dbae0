#include <visplay/core/error.hpp>
#include <visplay/io/truth_file.hpp>
#include <visplay/world/grammar.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "support/temp_folder.hpp"

using namespace visplay;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

TEST_CASE("a truth line has the fields of the contract") {
  const world::Scene scene{
      .seed = 7, .objects = {{world::Color::red, world::Shape::circle, world::Place::north}}};
  CHECK(
      truth_line({.image = "a.png", .scene = scene}) ==
      R"({"image":"a.png","seed":7,"objects":[{"color":"red","shape":"circle","place":"north"}]})");
}

TEST_CASE("truths read back answer questions as the scenes do") {
  const test::TempFolder temp;
  std::string text;
  for (std::uint64_t seed = 0; seed < 50; ++seed)
    text += truth_line({.image = std::to_string(seed), .scene = world::make_scene(seed)}) + "\n";
  const auto records = read_truth(temp.write("truth.jsonl", text));
  REQUIRE(records.size() == 50);
  for (const TruthRecord& record : records) {
    const world::Scene scene = world::make_scene(record.scene.seed);
    CHECK(record.image == std::to_string(scene.seed));
    for (const auto question : {"What color is the circle?", "What shape is in the center?",
                                "How many red shapes are there?"})
      CHECK(world::truth_of(record.scene, question) == world::truth_of(scene, question));
  }
}

TEST_CASE("a broken truth file is refused with its line") {
  const test::TempFolder temp;
  const auto check_refused = [&](const std::string& line, const std::string& reason) {
    const auto path = temp.write("truth.jsonl", "\n" + line + "\n");
    CHECK_THROWS_MATCHES(
        read_truth(path), Error,
        MessageMatches(ContainsSubstring("truth.jsonl:2") && ContainsSubstring(reason)));
  };
  const std::string red = R"({"color":"red","shape":"circle","place":"north"})";
  check_refused(R"({"image":"a"})", "objects");
  check_refused(R"({"objects":[]})", "image");
  check_refused(R"({"image":"a","objects":[3]})", "object");
  check_refused(R"({"image":"a","objects":[{"color":"pink","shape":"circle","place":"north"}]})",
                "'pink' is not a color");
  check_refused(R"({"image":"a","objects":[{"color":"red","shape":"circle"}]})", "place");
  check_refused(R"({"image":"a","objects":[)" + red + "," + red + "]}", "one place");
}
