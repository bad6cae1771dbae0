#include <visplay/core/error.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>

#include <string>

using namespace visplay;

TEST_CASE("check throws its sentence with its arguments, as the type that is asked for") {
  CHECK_NOTHROW(check(true, "nothing"));
  CHECK_THROWS_WITH(check(false, "no arguments"), "no arguments");
  const std::string text = "text";
  CHECK_THROWS_WITH(check(false, "{} {} {} {}", text, std::string_view("view"), "literal", 'c'),
                    "text view literal c");
  CHECK_THROWS_WITH(check(false, "{} {} {} {}", -3, 18446744073709551615u, short(-7), true),
                    "-3 18446744073709551615 -7 true");
  CHECK_THROWS_WITH(check(false, "{} {}", 0.1f, 0.1), "0.1 0.1");
  CHECK_THROWS_WITH(check(false, "{}", std::string("{}")), "{}");  // of untrusted files
  CHECK_THROWS_AS(check(false, "plain"), Error);
  CHECK_THROWS_AS(check<UsageError>(false, "usage"), UsageError);
}
