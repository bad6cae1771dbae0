// majority_vote: the votes on one question become a PseudoLabel (VisPlay, 2511.15661, eq. 4).
//
//   const PseudoLabel label = majority_vote(votes, Exact{});
//
// Only parsed answers vote; all votes stay in the denominator. Answers fall into classes in the order
// of the votes: each joins the first class whose first answer the grader calls the same. At a tie the
// class whose first vote came first wins.
#pragma once

#include <visplay/data/pseudo_label.hpp>
#include <visplay/data/vote.hpp>
#include <visplay/grade/grader.hpp>

#include <algorithm>
#include <span>
#include <vector>

namespace visplay {

/// No votes, or none parsed: a label that does not exist(), with the counts.
template <AnswerGrader Grader>
[[nodiscard]] PseudoLabel majority_vote(std::span<const Vote> votes, const Grader& grade) {
  struct Class {
    const Vote* first;
    int votes;
  };
  std::vector<Class> classes;
  PseudoLabel label{.votes = int(votes.size())};
  for (const Vote& vote : votes) {
    label.unparsed += vote.kind == VoteKind::unparsed;
    label.truncated += vote.kind == VoteKind::truncated;
    if (vote.kind != VoteKind::parsed) continue;
    const auto joined = std::ranges::find_if(classes, [&](const Class& c) {
      return grade(vote.answer, c.first->answer) == Verdict::same;
    });
    if (joined != classes.end())
      ++joined->votes;
    else
      classes.push_back({&vote, 1});
  }
  if (classes.empty()) return label;
  const auto winner = std::ranges::max_element(classes, {}, &Class::votes);  // the first of equals
  label.answer = winner->first->answer;
  label.majority = winner->votes;
  for (const Class& c : classes)
    if (&c != &*winner) label.second = std::max(label.second, c.votes);
  return label;
}

}  // namespace visplay
