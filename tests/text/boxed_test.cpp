#include <visplay/text/boxed.hpp>
#include <visplay/text/whitespace.hpp>

#include <catch2/catch_test_macros.hpp>

#include "support/golden.hpp"
#include "support/hostile_text.hpp"

using namespace visplay;

TEST_CASE("the box that opens last counts, with the braces inside it") {
  CHECK(*boxed("\\boxed{red}") == "red");
  CHECK(*boxed("\\boxed{1} or \\boxed{\\frac{1}{2}}.") == "\\frac{1}{2}");
  CHECK(*boxed("\\boxed{a \\boxed{b} c}") == "b");
  CHECK(*boxed("{ } } \\boxed{a} {") == "a");
  CHECK(*boxed("\\boxed{}") == "");
}

TEST_CASE("a box that is cut off does not count, one before it does") {
  CHECK_FALSE(boxed("\\boxed{red"));
  CHECK_FALSE(boxed("\\boxed{\\frac{1}{2}"));
  CHECK(*boxed("\\boxed{red} so \\boxed{bl") == "red");
  CHECK(*boxed("\\boxed{a \\boxed{b} c") == "b");
}

TEST_CASE("without a box there is nothing") {
  CHECK_FALSE(boxed(""));
  CHECK_FALSE(boxed("red"));
  CHECK_FALSE(boxed("boxed{red}"));
  CHECK_FALSE(boxed("\\boxed red"));
}

TEST_CASE("contents are mathruler's") {
  const auto golden = testing::golden("boxed.json");
  REQUIRE(golden["cases"].size() >= 200);
  for (const auto& pair : golden["cases"]) {
    const auto text = pair[0].get<std::string>(), expected = pair[1].get<std::string>();
    const auto content = boxed(text);
    INFO(text);
    CHECK(content.has_value() == (expected != "None"));
    if (content) CHECK(trim(*content) == expected);
  }
}

TEST_CASE("a box is found in any text, in time that grows with its length alone") {
  for (int seed = 0; seed < 2000; ++seed) {
    const std::string text = testing::random_markup(Rng(seed));
    if (const auto content = boxed(text)) {
      CHECK(text.find("\\boxed{" + std::string(*content) + "}") != std::string::npos);
    }
  }
  for (const std::string& text : testing::hostile_megabytes())
    CHECK(testing::seconds([&] { (void)boxed(text); }) < 2);
}
