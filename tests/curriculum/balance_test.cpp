#include <visplay/curriculum/balance.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
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

TEST_CASE("the most frequent answer of each family is thinned to the runner-up, others stay") {
  const auto questions = questions_of({{"existence", "yes"},
                                       {"existence", "Yes."},
                                       {"existence", "no"},
                                       {"existence", "yes"},
                                       {"color", "red"},
                                       {"relation", "no"},
                                       {"relation", "no"},
                                       {"color", "red"},
                                       {"color", "blue"},
                                       {"color", "none"},
                                       {"color", "none"}});
  std::set<std::size_t> drawn;
  for (int seed = 0; seed < 50; ++seed) {
    const auto kept = balance_answers(questions, Rng(seed));
    // One yes beside the no, one of two lonely "no", and all of color: red and none are even.
    REQUIRE(kept.size() == 8);
    CHECK(std::ranges::is_sorted(kept));
    for (const std::size_t i : {2, 4, 7, 8, 9, 10}) CHECK(std::ranges::count(kept, i) == 1);
    for (const std::size_t i : {0, 1, 3, 5, 6})
      if (std::ranges::count(kept, i)) drawn.insert(i);
    CHECK(kept == balance_answers(questions, Rng(seed)));
  }
  CHECK(drawn.size() == 5);  // each has its chance
}

TEST_CASE("what is balanced is kept as it is") {
  const auto questions = questions_of({{"a", "yes"}, {"b", "no"}, {"a", "no"}, {"b", "yes"}});
  CHECK(balance_answers(questions, Rng(1)) == std::vector<std::size_t>{0, 1, 2, 3});
  CHECK(balance_answers({}, Rng(1)).empty());
}
