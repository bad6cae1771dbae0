#include <visplay/core/rng.hpp>
#include <visplay/grade/exact.hpp>
#include <visplay/grade/majority_vote.hpp>

#include <catch2/catch_test_macros.hpp>

#include "support/votes.hpp"

using namespace visplay;
using testing::votes_of;

TEST_CASE("two answers are the same if case, blanks and the final stop are all that differs") {
  CHECK(Exact{}(" Red.", "red") == Verdict::same);
  CHECK(Exact{}("red", "dark red") == Verdict::different);
}

TEST_CASE("the largest class is the label, all votes are the denominator") {
  const auto label = majority_vote(votes_of("red RED blue - red ~ blue green"), Exact{});
  CHECK(label.answer == "red");
  CHECK(label.votes == 8);
  CHECK(label.majority == 3);
  CHECK(label.second == 2);
  CHECK(label.unparsed == 1);
  CHECK(label.truncated == 1);
  CHECK(label.confidence() == 3.f / 8.f);
}

TEST_CASE("at a tie the class whose first vote came first wins") {
  CHECK(majority_vote(votes_of("blue red red blue"), Exact{}).answer == "blue");
  CHECK(majority_vote(votes_of("red blue blue red"), Exact{}).answer == "red");
  CHECK(majority_vote(votes_of("red blue"), Exact{}).second == 1);
}

TEST_CASE("without a parsed vote there is no label") {
  for (const char* votes : {"", "- - ~"}) {
    const auto label = majority_vote(votes_of(votes), Exact{});
    CHECK_FALSE(label.exists());
    CHECK(label.answer.empty());
    CHECK(label.confidence() == 0);
  }
}

TEST_CASE("the order of the votes does not matter unless classes are tied") {
  auto votes = votes_of("red red red blue blue green - ~ yes");
  const auto first = majority_vote(votes, Exact{});
  Rng rng(3);
  for (int i = 0; i < 100; ++i) {
    rng.shuffle(votes);
    const auto label = majority_vote(votes, Exact{});
    CHECK(label.answer == first.answer);
    CHECK(label.majority == first.majority);
    CHECK(label.second == first.second);
  }
}

TEST_CASE("answers join a class by its first answer, also for a grader that is not transitive") {
  // "1" ~ "2" ~ "3" but not "1" ~ "3".
  const auto near = [](std::string_view a, std::string_view b) {
    return std::abs(a[0] - b[0]) <= 1 ? Verdict::same : Verdict::different;
  };
  const auto label = majority_vote(votes_of("1 2 3 3"), near);
  CHECK(label.answer == "1");
  CHECK(label.majority == 2);
  CHECK(label.second == 2);
}

TEST_CASE("a grader without an opinion joins nothing") {
  const auto no_opinion = [](std::string_view, std::string_view) { return Verdict::undecided; };
  CHECK(majority_vote(votes_of("1 1 1"), no_opinion).majority == 1);
}
