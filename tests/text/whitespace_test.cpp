#include <visplay/text/whitespace.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace visplay;

TEST_CASE("white space of any script is trimmed, half characters are not") {
  CHECK(trim(" \t\n red\u00a0\u3000\u2003") == "red");
  CHECK(trim("\u00a0") == "");
  CHECK(trim("") == "");
  CHECK(trim("\xa0") == "\xa0");          // the second byte of a blank alone
  CHECK(trim("\u00e0 ") == "\u00e0");     // a letter whose last byte is that of a blank
  CHECK(trim("\xe2\x80") == "\xe2\x80");  // cut off
}

TEST_CASE("words are taken off one by one") {
  std::string_view text = " What\u00a0color\n?";
  CHECK(take_word(text) == "What");
  CHECK(take_word(text) == "color");
  CHECK(take_word(text) == "?");
  CHECK(take_word(text).empty());
  CHECK(text.empty());
}
