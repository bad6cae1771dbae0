#include <visplay/curriculum/scrl_labels.hpp>
#include <visplay/grade/exact.hpp>

#include <catch2/catch_test_macros.hpp>

#include "support/golden.hpp"
#include "support/votes.hpp"

using namespace visplay;

namespace {
ScrlLabel label_of_words(std::string_view words, const std::vector<double>& entropy) {
  const auto votes = testing::votes_of(words);
  return ScrlLabels{}(vote_classes(std::span<const Vote>(votes), Exact{}), entropy);
}
}  // namespace

TEST_CASE("positives and negatives are those of the derivation that SCRL's own code agrees with") {
  const auto golden = testing::golden("rewards.json");
  REQUIRE(golden["scrl"].size() == 60);
  int positives = 0, negatives = 0;
  for (const auto& c : golden["scrl"]) {
    INFO(c.dump());
    const auto found = label_of_words(c["votes"].get<std::string>(), c["entropy"]);
    CHECK(found.positive == c["positive"].get<int>());
    CHECK(found.negatives == c["negatives"].get<std::vector<int>>());
    positives += found.positive >= 0;
    negatives += !found.negatives.empty();
  }
  CHECK(positives >= 10);
  CHECK(negatives >= 10);
}

TEST_CASE("a share of one half with a lead of exactly the margin is no positive") {
  // 10 and 7 of 20: in doubles 0.5 - 0.35 is above 0.15
  const std::string words = "A A A A A A A A A A B B B B B B B C C C";
  CHECK(label_of_words(words, std::vector<double>(20, 1.)).positive == VoteClasses::none);
}

TEST_CASE("what has no answer is neither, however many there are") {
  const auto found = label_of_words("- - - - - - A B ~ ~", std::vector<double>(10, 1.));
  CHECK(found.positive == VoteClasses::none);
  CHECK(found.negatives == std::vector{0, 1});
  CHECK(found.reward(0) == -1);
  CHECK(found.reward(VoteClasses::none) == 0);
  CHECK(label_of_words("A A A A A A A A A B", std::vector<double>(10, 1.)).reward(0) == 1);
}

TEST_CASE("one entropy per vote") {
  CHECK_THROWS_AS(label_of_words("A B", {1.}), Error);
  CHECK(label_of_words("", {}).positive == VoteClasses::none);
}
