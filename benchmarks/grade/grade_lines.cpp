// Grades pairs for benchmarks/peers/grading.py: lines "answer TAB reference" on stdin, verdicts on
// stdout, then one line with nanoseconds a pair (the median of rounds) and the slowest pair's
// microseconds (the least of its rounds), both in processor time.
#include <visplay/grade/first_decisive.hpp>

#include <algorithm>
#include <ctime>
#include <iostream>
#include <string>
#include <vector>

int main() {
  using namespace visplay;
  const AnswerChain grade;
  std::vector<std::pair<std::string, std::string>> pairs;
  for (std::string line; std::getline(std::cin, line);) {
    const std::size_t tab = line.find('\t');
    pairs.emplace_back(line.substr(0, tab), line.substr(tab + 1));
  }
  for (const auto& [a, b] : pairs) std::cout << name_of(grade(a, b)) << '\n';
  const auto seconds = [] {
    timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
  };
  int same = 0;
  std::vector<double> rounds;
  for (int round = 0; round < 15; ++round) {
    const double start = seconds();
    for (const auto& [a, b] : pairs) same += grade(a, b) == Verdict::same;
    rounds.push_back(seconds() - start);
  }
  std::ranges::sort(rounds);
  double slowest = 0;
  for (const auto& [a, b] : pairs) {
    double least = 1;
    for (int round = 0; round < 5; ++round) {
      const double start = seconds();
      same += grade(a, b) == Verdict::same;
      least = std::min(least, seconds() - start);
    }
    slowest = std::max(slowest, least);
  }
  std::cout << rounds[rounds.size() / 2] / double(pairs.size()) * 1e9 << ' ' << slowest * 1e6
            << '\n';
}
