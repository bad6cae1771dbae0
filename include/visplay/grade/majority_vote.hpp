// majority_vote: the votes on one question become a PseudoLabel (VisPlay, 2511.15661, eq. 4).
//
//   const PseudoLabel label = majority_vote(votes, Exact{});
//
// Only parsed answers vote; all votes stay in the denominator. Classes are those of vote_classes. At
// a tie the class whose first vote came first wins.
#pragma once

#include <visplay/data/pseudo_label.hpp>
#include <visplay/data/vote.hpp>
#include <visplay/grade/grader.hpp>
#include <visplay/grade/vote_classes.hpp>

#include <algorithm>
#include <span>

namespace visplay {

/// No votes, or none parsed: a label that does not exist(), with the counts.
[[nodiscard]] inline PseudoLabel label_of(const VoteClasses& sorted) {
  PseudoLabel label{
      .votes = sorted.votes(), .unparsed = sorted.unparsed, .truncated = sorted.truncated};
  if (sorted.classes.empty()) return label;
  const auto winner =
      std::ranges::max_element(sorted.classes, {}, &VoteClass::votes);  // the first of equals
  label.answer = winner->answer;
  label.majority = winner->votes;
  for (const VoteClass& c : sorted.classes)
    if (&c != &*winner) label.second = std::max(label.second, c.votes);
  return label;
}

template <class Grader>
[[nodiscard]] PseudoLabel majority_vote(std::span<const Vote> votes, const Grader& grade) {
  return label_of(vote_classes(votes, grade));
}

}  // namespace visplay
