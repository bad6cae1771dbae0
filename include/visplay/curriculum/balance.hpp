// balance_answers: in each family of questions the most frequent label no more often than the second.
// Skewed labels ("no", "none", "1") make the Reasoner answer such a family without looking.
//
// A family is what the questions' <type> tag says. Nothing but that tag and the answers is read.
#pragma once

#include <visplay/core/rng.hpp>
#include <visplay/data/labelled_question.hpp>
#include <visplay/text/normalize.hpp>

#include <algorithm>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace visplay {

/// Indices of the questions to keep, ascending. In each family the questions with the most frequent
/// answer are thinned at random to the number of the runner-up, to one if there is none; all others
/// stay. Of yes and no there are as many then.
[[nodiscard]] inline std::vector<std::size_t> balance_answers(
    std::span<const LabelledQuestion> questions, const Rng& rng) {
  std::map<std::string, std::map<std::string, std::vector<std::size_t>>> families;
  for (std::size_t i = 0; i < questions.size(); ++i)
    families[normalize(questions[i].question.type)][normalize(questions[i].label.answer)].push_back(
        i);
  std::vector<std::size_t> keep;
  for (auto& [type, answers] : families) {
    const auto asked = [](const auto& entry) { return entry.second.size(); };
    auto& [most_frequent, most] = *std::ranges::max_element(answers, {}, asked);
    std::size_t runner_up = 1;
    for (const auto& [answer, members] : answers)
      if (answer != most_frequent) runner_up = std::max(runner_up, members.size());
    if (most.size() > runner_up) {
      Rng draw = rng.fork(type);
      draw.shuffle(most);
      most.resize(runner_up);
    }
    for (const auto& [answer, members] : answers)
      keep.insert(keep.end(), members.begin(), members.end());
  }
  std::ranges::sort(keep);
  return keep;
}

}  // namespace visplay
