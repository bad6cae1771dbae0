#include <visplay/grade/parse_vote.hpp>

#include <catch2/catch_test_macros.hpp>

#include "support/hostile_text.hpp"

using namespace visplay;

namespace {
Vote vote_of(std::string text, FinishReason reason = FinishReason::stop) {
  return parse_vote(Completion{.text = std::move(text), .finish_reason = reason});
}
}  // namespace

TEST_CASE("an answer in a box is a vote, also when the completion was cut off after it") {
  CHECK(vote_of("<think>red circle north</think>\\boxed{ red }").answer == "red");
  CHECK(vote_of("\\boxed{red} and then", FinishReason::length).kind == VoteKind::parsed);
  CHECK(vote_of("\\boxed{None}").answer == "None");  // a word like any other
}

TEST_CASE("without an answer a vote is unparsed, or truncated if the tokens ran out") {
  for (const char* text : {"", "red", "\\boxed{}", "\\boxed{ \n }", "\\boxed{red"}) {
    INFO(text);
    CHECK(vote_of(text).kind == VoteKind::unparsed);
    CHECK(vote_of(text, FinishReason::length).kind == VoteKind::truncated);
    CHECK(vote_of(text).answer.empty());
  }
}

TEST_CASE("any text is a vote of some kind") {
  for (int seed = 0; seed < 2000; ++seed) {
    const Vote vote = vote_of(testing::random_markup(Rng(seed)));
    CHECK((vote.kind == VoteKind::parsed) == !vote.answer.empty());
  }
}
