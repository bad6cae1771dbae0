#include <visplay/text/normalize.hpp>

#include <catch2/catch_test_macros.hpp>

#include "support/hostile_text.hpp"

using namespace visplay;

TEST_CASE("case, blanks and a full stop at the end do not matter") {
  CHECK(normalize("  Red. ") == "red");
  CHECK(normalize("light \n\t blue") == "light blue");
  CHECK(normalize("5.") == "5");
  CHECK(normalize("2.5") == "2.5");
  CHECK(normalize("...") == "...");
  CHECK(normalize(" ") == "");
  CHECK(normalize("\u00c9t\u00c9") == "\u00c9t\u00c9");  // only ASCII letters change
}

TEST_CASE("normalising twice changes nothing more") {
  for (int seed = 0; seed < 2000; ++seed) {
    const std::string once = normalize(testing::random_markup(Rng(seed)));
    CHECK(normalize(once) == once);
  }
}

TEST_CASE("a megabyte is normalised in time that grows with its length alone") {
  for (const std::string& text : testing::hostile_megabytes())
    CHECK(testing::seconds([&] { (void)normalize(text); }) < 2);
}
