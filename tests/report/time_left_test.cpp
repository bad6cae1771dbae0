#include <visplay/report/time_left.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace visplay;

TEST_CASE("before the first step nothing is known") {
  const TimeLeft left({{"a", 3, 1}});
  CHECK_FALSE(left.seconds());
  CHECK(left.done() == 0);
}

TEST_CASE("a phase not seen yet costs its guess, scaled by how wrong the other guesses were") {
  TimeLeft left({{"a", 2, 1}, {"b", 10, 3}});
  left.step_done("a", 4);                    // four times the guess
  CHECK(*left.seconds() == 4 + 10 * 3 * 4);  // so b is four times its guess, too
  left.step_done("b", 1);                    // now b is known
  CHECK(*left.seconds() == 4 + 9 * 1);
  CHECK(left.done() == 5. / (5 + 13));
}

TEST_CASE("steps beyond the plan never leave less than nothing") {
  TimeLeft left({{"a", 1, 1}});
  left.step_done("a", 1);
  left.step_done("a", 1);
  left.step_done("surprise", 1);
  CHECK(*left.seconds() == 0);
  CHECK(left.done() == 1);
}
