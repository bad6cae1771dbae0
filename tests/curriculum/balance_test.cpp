#include <visplay/curriculum/balance.hpp>

#include <catch2/catch_test_macros.hpp>

#include <set>

using namespace visplay;

namespace {

std::vector<LabelledQuestion> questions_of(
    const std::vector<std::pair<const char*, const char*>>& type_and_answer) {
  std::vector<LabelledQuestion> questions;
  for (const auto& [type, answer] : type_and_answer)
    questions.push_back({.question = {.text = "?", .type = type}, .label = {.answer = answer}});
  return questions;
}

}  // namespace

TEST_CASE("the more frequent of yes and no is thinned in each family, other answers stay") {
  const auto questions = questions_of({{"existence", "yes"},
                                       {"existence", "Yes."},
                                       {"existence", "no"},
                                       {"existence", "yes"},
                                       {"color", "red"},
                                       {"relation", "no"},
                                       {"existence", "none"},
                                       {"color", "red"}});
  std::set<std::size_t> drawn;
  for (int seed = 0; seed < 50; ++seed) {
    const auto kept = balance_yes_no(questions, Rng(seed));
    REQUIRE(kept.size() == 5);  // one yes, and 2, 4, 6, 7; the only "no" of relation has no partner
    CHECK(std::set<std::size_t>(kept.begin() + 1, kept.end()).contains(2) + (kept[0] == 2) >= 1);
    CHECK(std::ranges::is_sorted(kept));
    for (const std::size_t i : kept) {
      CHECK(i != 5);
      if (i == 0 || i == 1 || i == 3) drawn.insert(i);
    }
    CHECK(kept == balance_yes_no(questions, Rng(seed)));
  }
  CHECK(drawn.size() == 3);  // each has its chance
}

TEST_CASE("what is balanced is kept as it is") {
  const auto questions = questions_of({{"a", "yes"}, {"b", "no"}, {"a", "no"}, {"b", "yes"}});
  CHECK(balance_yes_no(questions, Rng(1)) == std::vector<std::size_t>{0, 1, 2, 3});
  CHECK(balance_yes_no({}, Rng(1)).empty());
}
