// balance_yes_no: as many "yes" as "no" among the labels of each family of questions. Skewed labels
// make the Reasoner answer such a family without looking.
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

/// Indices of the questions to keep, ascending. In each family the more frequent of yes and no is
/// thinned at random to the number of the other (to none if the other is absent); questions with
/// any other answer all stay.
[[nodiscard]] inline std::vector<std::size_t> balance_yes_no(
    std::span<const LabelledQuestion> questions, const Rng& rng) {
  struct Family {
    std::vector<std::size_t> yes, no;
  };
  std::map<std::string, Family> families;
  std::vector<std::size_t> keep;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const std::string answer = normalize(questions[i].label.answer);
    Family& family = families[normalize(questions[i].question.type)];
    (answer == "yes" ? family.yes : answer == "no" ? family.no : keep).push_back(i);
  }
  for (auto& [type, family] : families) {
    const std::size_t each = std::min(family.yes.size(), family.no.size());
    for (auto* side : {&family.yes, &family.no}) {
      Rng draw = rng.fork(type, side == &family.yes);
      if (side->size() > each) draw.shuffle(*side);
      keep.insert(keep.end(), side->begin(), side->begin() + std::ptrdiff_t(each));
    }
  }
  std::ranges::sort(keep);
  return keep;
}

}  // namespace visplay
