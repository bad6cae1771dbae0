#include <visplay/report/screen_text.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace visplay;

TEST_CASE("text of a model is made harmless for a terminal") {
  CHECK(screen_line("two\n  lines\tand a tab ") == "two lines and a tab");
  CHECK(screen_line("\x1b[31mred\x07") == "?[31mred?");
  CHECK(screen_line("caf\xc3\xa9 \xe7\x8c\xab") == "caf\xc3\xa9 \xe7\x8c\xab");
  CHECK(screen_line("\xff\xc3(\xed\xa0\x80") == std::string(2, '?') + "(" + std::string(3, '?'));
  CHECK(screen_line("a\xe2\x80\xae"
                    "b") == "a?b");
  CHECK(screen_line("\xc2\x9b"
                    "2J") == "?2J");
}

TEST_CASE("columns are counted, not bytes") {
  CHECK(columns_of("caf\xc3\xa9") == 4);
  CHECK(columns_of("\xe7\x8c\xab") == 2);
  CHECK(columns_of("e\xcc\x81") == 1);
  CHECK(columns_of("") == 0);
}

TEST_CASE("text is cut or filled to a number of columns") {
  CHECK(fitted("ab", 4) == "ab  ");
  CHECK(fitted("ab", 4, true) == "  ab");
  CHECK(fitted("abcdef", 5) == "ab...");
  CHECK(fitted("\xe7\x8c\xab\xe7\x8c\xab\xe7\x8c\xab", 5) == "\xe7\x8c\xab...");
  CHECK(fitted("abc", 2) == "..");
  CHECK(shortened("abc", 3) == "abc");
}

TEST_CASE("durations read like those on a watch") {
  CHECK(duration_text(0.4) == "0s");
  CHECK(duration_text(59.6) == "1m 00s");
  CHECK(duration_text(250) == "4m 10s");
  CHECK(duration_text(7500) == "2h 05m");
  CHECK(duration_text(-1) == "?");
}
