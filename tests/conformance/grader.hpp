// What every grader must do, as Catch2 checks: one line in the test of a grader of your own.
//
//   TEST_CASE("my grader is one") { visplay::conformance::grader(MyGrader{}, {"red", "Red", "1/2"}); }
//
// Any AnswerGrader: it returns for any text (empty, invalid UTF-8, a megabyte), says the same when
// asked twice, calls an answer never different from itself, and is symmetric. A CanonicalGrader
// besides: `same` is equality of keys, so it is reflexive and transitive too; an answer above
// `longest_graded` is the same as its equal and undecided against all others.
#pragma once

#include <visplay/grade/grader.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

namespace visplay::conformance {

inline std::vector<std::string> odd_answers() {
  std::string zero("a\0b", 3);
  return {"",
          " ",
          ".",
          zero,
          "\xff\xfe",
          "\\",
          "{",
          "}",
          std::string(5000, '9'),
          std::string(5000, '8'),
          std::string(1 << 20, '(')};
}

template <AnswerGrader Grader>
void grader(const Grader& grade, std::vector<std::string> answers) {
  for (std::string& odd : odd_answers()) answers.push_back(std::move(odd));
  for (const std::string& a : answers) {
    INFO("a = " << a.substr(0, 60));
    CHECK(grade(a, a) != Verdict::different);
    for (const std::string& b : answers) {
      INFO("b = " << b.substr(0, 60));
      const Verdict verdict = grade(a, b);
      CHECK(verdict == grade(a, b));
      CHECK(verdict == grade(b, a));
      if constexpr (CanonicalGrader<Grader>) {
        CHECK((verdict == Verdict::same) == (grade.canonical(a) == grade.canonical(b)));
        if (a.size() > longest_graded || b.size() > longest_graded)
          CHECK(verdict == (a == b ? Verdict::same : Verdict::undecided));
      }
    }
    if constexpr (CanonicalGrader<Grader>) {
      CHECK(grade(a, a) == Verdict::same);
      CHECK_FALSE(grade.canonical(a).empty());
    }
  }
  if constexpr (CanonicalGrader<Grader>)
    for (const std::string& a : answers)
      for (const std::string& b : answers)
        for (const std::string& c : answers)
          if (a.size() < 100 && grade(a, b) == Verdict::same && grade(b, c) == Verdict::same)
            CHECK(grade(a, c) == Verdict::same);
}

}  // namespace visplay::conformance
