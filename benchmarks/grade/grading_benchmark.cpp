// Grading of 4,096 mixed pairs (45 % options, 30 % integers, the rest numbers, words and mathematics),
// by kind of answer, and of the hostile set. Baseline: benchmarks/peers/grading.py runs mathruler and
// math-verify on such pairs and prints the ratio.
#include <visplay/core/rng.hpp>
#include <visplay/grade/first_decisive.hpp>

#include <benchmark/benchmark.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "tests/grade/hostile_answers.hpp"

namespace {
using namespace visplay;
using Pairs = std::vector<std::pair<std::string, std::string>>;

const std::vector<std::string>& others() {
  static const std::vector<std::string> answers{"\\frac{3}{4}",  "0.75",
                                                "1,234",         "12.5%",
                                                "$15",           "3.2 \\times 10^{5}",
                                                "2\\sqrt{3}",    "\\sqrt{12}",
                                                "2\\pi",         "x^2+2x+1",
                                                "(x+1)^2",       "(3, 4)",
                                                "[0, 1)",        "x = 5",
                                                "red",           "dark blue",
                                                "Yes.",          "30^\\circ",
                                                "45 cm",         "\\frac{\\sqrt{2}}{2}",
                                                "\\{1, 2\\}",    "3+4i",
                                                "\\text{Paris}", "1 1/2"};
  return answers;
}

Pairs mixed() {
  Rng rng(1);
  Pairs pairs;
  for (int i = 0; i < 4096; ++i) {
    const auto draw = [&]() -> std::string {
      if (i % 20 < 9) return std::string(1, char('A' + rng.below(4)));
      if (i % 20 < 15) return std::to_string(rng.below(100));
      return others()[rng.below(others().size())];
    };
    std::string first = draw();
    pairs.emplace_back(first, rng.chance(0.5) ? first : draw());
  }
  return pairs;
}

void grade(benchmark::State& state, const Pairs& pairs) {
  const AnswerChain grader;
  for (auto _ : state)
    for (const auto& [answer, reference] : pairs)
      benchmark::DoNotOptimize(grader(answer, reference));
  state.counters["per_pair"] =
      benchmark::Counter(double(pairs.size()) * double(state.iterations()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void grading_mixed(benchmark::State& state) { grade(state, mixed()); }
void grading_options(benchmark::State& state) { grade(state, {{"(B)", "C"}, {"A", "A"}}); }
void grading_integers(benchmark::State& state) { grade(state, {{"42", "41"}, {"1,234", "1234"}}); }
void grading_radicals(benchmark::State& state) { grade(state, {{"\\sqrt{8}", "2\\sqrt{2}"}}); }
void grading_polynomials(benchmark::State& state) { grade(state, {{"(x+1)(x-1)", "x^2-1"}}); }
void grading_hostile(benchmark::State& state) {
  Pairs pairs;
  for (const std::string& answer : testing::hostile_answers()) pairs.emplace_back(answer, answer);
  grade(state, pairs);
}
BENCHMARK(grading_mixed)->Unit(benchmark::kMicrosecond);
BENCHMARK(grading_options);
BENCHMARK(grading_integers);
BENCHMARK(grading_radicals);
BENCHMARK(grading_polynomials);
BENCHMARK(grading_hostile)->Unit(benchmark::kMillisecond);

}  // namespace
