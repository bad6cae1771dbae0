#include <visplay/grade/exact.hpp>
#include <visplay/grade/first_decisive.hpp>

#include <catch2/catch_test_macros.hpp>

#include <map>

#include "conformance/grader.hpp"
#include "support/golden.hpp"

using namespace visplay;
using Units = MeasurePolicy::Units;
using Percent = MeasurePolicy::Percent;

namespace {
const std::vector<std::string> answers{
    "A",         "(a)",      "B and A", "red",          "Red.", "1/2", "0.5",
    "50%",       "5 cm",     "5",       "\\frac{1}{2}", "x+1",  "1+x", "\\sin x",
    "\\sqrt{8}", "2\\sqrt2", "(1,2)",   "1, 2",         "2, 1", "x=5", "5 m"};
}

TEST_CASE("graders do what graders must") {
  conformance::grader(Exact{}, answers);
  conformance::grader(Numeric{}, answers);
  conformance::grader(Choice{}, answers);
  conformance::grader(Expression{}, answers);
  conformance::grader(Words{}, answers);
  conformance::grader(AnswerChain{}, answers);
  const auto by_length = [](std::string_view a, std::string_view b) {
    return a.size() == b.size() ? Verdict::same : Verdict::different;
  };
  conformance::grader(by_length, answers);  // a grader without keys
}

// The pairs' truth is known from how they were made (tests/golden/make/grading.py).
TEST_CASE("verdicts on 2,500 pairs are those known, and the peers' but for the listed rules") {
  const auto golden = testing::golden("grading.json");
  const AnswerChain grade;
  const std::map<std::string, Verdict> verdicts{
      {"s", Verdict::same}, {"d", Verdict::different}, {"u", Verdict::undecided}};
  int mathruler = 0;
  int math_verify = 0;
  for (const auto& pair : golden["pairs"]) {
    const std::string a = pair[1];
    const std::string b = pair[2];
    const std::string truth = pair[3];
    INFO(pair[0] << ": " << a << " | " << b);
    CHECK(grade(a, b) == verdicts.at(truth));
    mathruler += pair[4] == truth;
    math_verify += pair[5] == truth;
  }
  REQUIRE(golden["pairs"].size() >= 2000);
  CHECK(mathruler >= 1950);  // docs/grading.md lists and judges the rest
  CHECK(math_verify >= 2250);
}

TEST_CASE("a key is what the answer means, whichever grader wrote it") {
  for (const char* half :
       {"1/2", "0.5", ".5", "\\frac{1}{2}", "$\\dfrac12$", "\\frac{2}{4}", "½"}) {
    INFO(half);
    CHECK(Numeric{}.canonical(half) == "=1/2");
    CHECK(Expression{}.canonical(half) == "=1/2");
    CHECK(AnswerChain{}.canonical(half) == "=1/2");
  }
  CHECK(Words{}.canonical(" Red.") == Exact{}.canonical("red"));
}

TEST_CASE("a grader without an opinion says so") {
  CHECK(Numeric{}("red", "blue") == Verdict::undecided);
  CHECK(Numeric{}("5", "x") == Verdict::undecided);
  CHECK(Choice{}("A", "5 cm") == Verdict::undecided);
  CHECK(Expression{}("red", "blue") == Verdict::undecided);
  CHECK(AnswerChain{}("red", "blue") == Verdict::different);
  CHECK(AnswerChain{}("5", "blue") == Verdict::different);
  CHECK(Expression{}("\\sin^2 x + \\cos^2 x", "1") == Verdict::undecided);
  CHECK(Expression{}("\\sin x - \\sin x + 1", "1") == Verdict::same);
}

TEST_CASE("options of a multiple-choice question") {
  for (const char* form : {"B",          "b",
                           "(B)",        "(b)",
                           "[B]",        "B.",
                           "B)",         "b.",
                           "B) 5 cm",    "(B) red",
                           "B: red",     "Option B",
                           "option (B)", "The answer is B.",
                           "answer: B",  "\\text{B}",
                           "**B**",      "$\\mathbf{(B)}$",
                           "\\boxed{B}", "the correct choice is (B) red"}) {
    INFO(form);
    CHECK(Choice{}.canonical(form) == "cB");
  }
  for (const char* none :
       {"", "K", "x", "Be", "A dog", "B5", "red", "(red)", "option", "A-B", "A+B", "a)b"}) {
    INFO(none);
    CHECK(kind_of(Choice{}.canonical(none)) == KeyKind::unopened);
  }
  CHECK(Choice{.last = 'Z'}.canonical("K") == "cK");
  CHECK(Choice{}.canonical("C, A and B") == "cA,B,C");
  CHECK(Choice{}("(A), (C)", "C and A") == Verdict::same);
}

TEST_CASE("units are dropped, or kept and converted exactly") {
  const Numeric dropped;
  const Numeric kept{{.units = Units::kept}};
  const Numeric in_cm{{.units = Units::kept, .implied_unit = "cm"}};
  CHECK(dropped("5 cm", "5") == Verdict::same);
  CHECK(dropped("5 cm", "5 m") == Verdict::same);  // the price of the line above
  CHECK(kept("5 cm", "5") == Verdict::different);
  CHECK(kept("50 cm", "0.5 m") == Verdict::same);
  CHECK(kept("1 in", "2.54 cm") == Verdict::same);
  CHECK(kept("36 km/h", "10 \\text{ m/s}") == Verdict::same);
  CHECK(kept("1 L", "1000 cm^3") == Verdict::same);
  CHECK(kept("2 square meters", "20000 cm^2") == Verdict::same);
  CHECK(kept("50 cents", "\\$0.50") == Verdict::same);
  CHECK(kept("90 \\text{ minutes}", "1.5 hours") == Verdict::same);
  CHECK(kept("1 cal", "4 J") == Verdict::different);  // no exact conversion: units of their own
  CHECK(in_cm("5", "5 cm") == Verdict::same);
  CHECK(in_cm("5", "50 mm") == Verdict::same);
  CHECK(in_cm("5", "5 m") == Verdict::different);
  CHECK(Expression{{.units = Units::kept}}("100\\pi \\text{ cm}", "\\pi \\text{ m}") ==
        Verdict::same);
}

TEST_CASE("percentages follow the policy") {
  const Numeric as_number;
  const Numeric as_part{{.percent = Percent::hundredth}};
  CHECK(as_number("50%", "50") == Verdict::same);
  CHECK(as_number("50%", "0.5") == Verdict::different);
  CHECK(as_part("50\\%", "0.5") == Verdict::same);
  CHECK(as_part("50 percent", "50") == Verdict::different);
}

TEST_CASE("exact values have one form") {
  const std::vector<std::vector<std::string>> classes{
      {"\\frac{1}{\\sqrt2+\\sqrt3}", "\\sqrt3-\\sqrt2"},
      {"\\frac{x^2-y^2}{(x-y)(x+2y)}", "\\frac{x+y}{x+2y}", "1-\\frac{y}{x+2y}"},
      {"\\frac{x^2-2}{x-\\sqrt2}", "x+\\sqrt2"},
      {"\\frac{1}{\\sqrt{x}+1}", "\\frac{\\sqrt{x}-1}{x-1}"},
      {"\\sqrt[3]{16}", "2\\sqrt[3]{2}", "2^{4/3}"},
      {"\\frac{1}{1+i}", "\\frac{1-i}{2}"},
      {"e^{2x+1}", "e \\cdot (e^x)^2"},
      {"\\log_4 8", "\\frac32"},
      {"\\sin\\frac{\\pi}{3}", "\\cos 30°", "\\frac{\\sqrt3}{2}"},
      {"2x+4=0", "x=-x-4", "-6x=12"},
      {"3 > 2x", "2x - 3 < 0", "x < 1.5"},
      {"2 \\pm \\sqrt3", "2-\\sqrt3, 2+\\sqrt3", "\\{2+\\sqrt3, 2-\\sqrt3\\}"},
  };
  for (std::size_t i = 0; i < classes.size(); ++i)
    for (std::size_t j = 0; j < classes.size(); ++j)
      for (const std::string& a : classes[i])
        for (const std::string& b : classes[j]) {
          INFO(a << " | " << b << " | " << Expression{}.canonical(a) << " | "
                 << Expression{}.canonical(b));
          CHECK((Expression{}(a, b) == Verdict::same) == (i == j));
        }
}
