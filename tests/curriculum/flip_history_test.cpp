#include <visplay/curriculum/flip_history.hpp>
#include <visplay/grade/exact.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace visplay;

namespace {
PseudoLabel label(const char* answer, int majority, int votes = 10) {
  return {.answer = answer, .votes = votes, .majority = majority};
}
}  // namespace

TEST_CASE("the flip rate is of those seen before, the ratio of all") {
  FlipHistory history;
  CHECK(history.visit("a", label("red", 5), Exact{}) == Flip::first_visit);
  CHECK(history.visit("b", label("two", 9), Exact{}) == Flip::first_visit);
  CHECK(history.flip_rate() == 0);
  CHECK(history.majority_ratio() == 0.7);

  history.begin_round();
  CHECK(history.majority_ratio() == 0);
  CHECK(history.visit("a", label("Red.", 6), Exact{}) == Flip::same);  // the grader says so
  CHECK(history.visit("b", label("three", 4), Exact{}) == Flip::flipped);
  CHECK(history.visit("c", label("yes", 5), Exact{}) == Flip::first_visit);
  CHECK(history.flip_rate() == 0.5);
  CHECK(history.majority_ratio() == 0.5);

  CHECK(history.visit("b", label("three", 4), Exact{}) == Flip::same);  // against the last one
  CHECK(history.flip_rate() == 1. / 3);
}

TEST_CASE("no label is no flip, and forgets nothing") {
  FlipHistory history;
  (void)history.visit("a", label("red", 10), Exact{});
  CHECK(history.visit("a", label("", 0), Exact{}) == Flip::no_label);
  CHECK(history.majority_ratio() == 0.5);
  CHECK(history.visit("a", label("red", 5), Exact{}) == Flip::same);
}

TEST_CASE("a history made from its memory goes on where it was") {
  FlipHistory history;
  (void)history.visit("a", label("red", 5), Exact{});
  FlipHistory again(history.memory());
  CHECK(again.visit("a", label("blue", 5), Exact{}) == Flip::flipped);
  CHECK(again.flip_rate() == 1);
}
