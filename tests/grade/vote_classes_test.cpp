#include <visplay/grade/exact.hpp>
#include <visplay/grade/majority_vote.hpp>
#include <visplay/grade/vote_classes.hpp>
#include <visplay/text/normalize.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "support/votes.hpp"

#include <visplay/core/rng.hpp>

using namespace visplay;
using Catch::Matchers::WithinAbs;
using testing::votes_of;

TEST_CASE("classes stand in the order of their first votes, with the votes' own classes") {
  const auto sorted = vote_classes(votes_of("red - Blue RED ~ blue red"), Exact{});
  REQUIRE(sorted.classes.size() == 2);
  CHECK(sorted.classes[0].answer == "red");
  CHECK(sorted.classes[0].votes == 3);
  CHECK(sorted.classes[1].answer == "Blue");
  CHECK(sorted.of_vote == std::vector{0, -1, 1, 0, -1, 1, 0});
  CHECK(sorted.unparsed == 1);
  CHECK(sorted.truncated == 1);
  CHECK(sorted.parsed() == 5);
  CHECK(sorted.share(0) == 3. / 7);
  CHECK(sorted.share(1) == 0);
  CHECK_THROWS_AS(sorted.share(7), Error);
  CHECK_THROWS_AS(sorted.share(-1), Error);
}

TEST_CASE("the entropy is of the parsed answers, in nats") {
  CHECK_THAT(vote_classes(votes_of("a b - -"), Exact{}).entropy(), WithinAbs(0.693147181, 1e-9));
  CHECK(vote_classes(votes_of("a a a"), Exact{}).entropy() == 0);
  CHECK(vote_classes(votes_of("- ~"), Exact{}).entropy() == 0);
  CHECK(vote_classes(votes_of(""), Exact{}).votes() == 0);
}

TEST_CASE("a grader with keys sorts as the same grader without") {
  struct Keyed {
    int* asked;
    Verdict operator()(std::string_view a, std::string_view b) const { return Exact{}(a, b); }
    std::string canonical(std::string_view answer) const {
      ++*asked;
      return normalize(answer);
    }
  };
  static_assert(CanonicalGrader<Keyed>);
  const auto plain = [](std::string_view a, std::string_view b) { return Exact{}(a, b); };
  int asked = 0;
  for (int seed = 0; seed < 100; ++seed) {
    Rng rng(seed);
    std::vector<Vote> votes;
    for (int i = 0; i < 20; ++i) {
      const char* answers[] = {"red", "Red.", " RED", "blue", "Blue", "7", "7."};
      votes.push_back(rng.chance(0.8) ? Vote{VoteKind::parsed, answers[rng.below(7)]} : Vote{});
    }
    const auto keyed = vote_classes(std::span<const Vote>(votes), Keyed{&asked});
    const auto pairs = vote_classes(std::span<const Vote>(votes), plain);
    CHECK(keyed.of_vote == pairs.of_vote);
    CHECK(label_of(keyed).answer == label_of(pairs).answer);
  }
  CHECK(asked <= 100 * 20);  // once per vote
}
