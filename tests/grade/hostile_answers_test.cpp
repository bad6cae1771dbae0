// Bounded time and no exception on any input, and an equivalence relation on random ones.
#include <visplay/grade/exact.hpp>
#include <visplay/grade/first_decisive.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <ctime>
#include <map>
#include <unordered_map>

#include "grade/hostile_answers.hpp"
#include "support/golden.hpp"
#include "support/hostile_text.hpp"

using namespace visplay;

namespace {

#if defined(__SANITIZE_ADDRESS__) || !defined(NDEBUG)
constexpr double time_scale = 30;  // instrumented or unoptimised
#else
constexpr double time_scale = 2;  // the budget is for -O3; tests are built with -O1
#endif

double processor_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

/// The least of a few: what other programs on the machine add is not the grader's.
template <class Grader>
double key_seconds(const Grader& grade, const std::string& answer) {
  double least = 1e9;
  for (int round = 0; round < 9 && least > 0.4e-3 * time_scale; ++round) {
    const double start = processor_seconds();
    const std::string key = grade.canonical(answer);
    least = std::min(least, processor_seconds() - start);
  }
  return least;
}

}  // namespace

TEST_CASE("no pair of hostile answers takes over a millisecond") {
  auto answers = testing::hostile_answers();
  for (std::string& text : testing::hostile_megabytes()) answers.push_back(std::move(text));
  for (const std::string& answer : answers) {
    INFO(answer.substr(0, 60) << " (" << answer.size() << " bytes)");
    CHECK(key_seconds(AnswerChain{}, answer) < 0.5e-3 * time_scale);  // a pair has two keys
  }
}

TEST_CASE("towers of powers are left unread, not computed") {
  for (const char* tower :
       {"9^9^9^9", "9^{9^{9^{9}}}", "(2^{400})^{400}", "1000000!", "1e151", "(x+1)^{95}"}) {
    INFO(tower);
    CHECK(kind_of(Expression{}.canonical(tower)) == KeyKind::unopened);
    CHECK(AnswerChain{}(tower, tower) == Verdict::same);
  }
  CHECK(AnswerChain{}("9^9^9^9", "9^9^9^8") == Verdict::different);  // as texts
}

TEST_CASE("100,000 random and mutated answers get a key each, and the same when asked again") {
  const AnswerChain grade;
  const auto golden = testing::golden("grading.json");
  const auto& pairs = golden["pairs"];
  Rng rng(11);
  for (int i = 0; i < 100'000; ++i) {
    std::string answer;
    if (i % 2) {
      answer = testing::random_answer(rng);
    } else {
      answer = pairs[rng.below(pairs.size())][1 + rng.below(2)].get<std::string>();
      for (int change = 0; change < 2 && !answer.empty(); ++change) {
        const std::size_t at = rng.below(answer.size());
        if (rng.chance(0.5))
          answer[at] = rng.chance(0.7) ? answer[rng.below(answer.size())] : char(rng.below(256));
        else
          answer.erase(at, 1);
      }
    }
    const std::string key = grade.canonical(answer);
    if (key.empty() || (i % 8 == 0 && key != grade.canonical(answer))) FAIL_CHECK(answer);
  }
}

TEST_CASE("random triples: same is an equivalence relation and equality of keys") {
  const AnswerChain grade;
  const auto golden = testing::golden("grading.json");
  std::vector<std::string> answers;
  for (const auto& pair : golden["pairs"])
    for (const int side : {1, 2}) answers.push_back(pair[std::size_t(side)]);
  std::unordered_map<std::string, std::vector<const std::string*>> classes;
  for (const std::string& answer : answers) classes[grade.canonical(answer)].push_back(&answer);
  Rng rng(5);
  for (int i = 0; i < 5'000; ++i) {
    const std::string& a = answers[rng.below(answers.size())];
    // Of the same class half of the time: triples drawn blindly are seldom of one.
    const auto draw = [&]() -> const std::string& {
      const auto& like_a = classes.at(grade.canonical(a));
      return rng.chance(0.5) ? *like_a[rng.below(like_a.size())]
                             : answers[rng.below(answers.size())];
    };
    const std::string& b = draw();
    const std::string& c = draw();
    const bool ab = grade(a, b) == Verdict::same;
    const bool bc = grade(b, c) == Verdict::same;
    const bool ac = grade(a, c) == Verdict::same;
    const bool equivalent = grade(a, b) == grade(b, a) && grade(a, a) == Verdict::same &&
                            int(ab) + int(bc) + int(ac) != 2 &&
                            ab == (grade.canonical(a) == grade.canonical(b));
    if (!equivalent) FAIL_CHECK(a << " | " << b << " | " << c);
  }
}
