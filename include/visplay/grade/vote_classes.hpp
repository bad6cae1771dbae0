// VoteClasses: the votes on one question, sorted into classes of answers that mean the same.
//
//   const VoteClasses classes = vote_classes(votes, Exact{});
//   classes.share(vote);            // p(a): the share of all votes that say what that vote says
//   classes.entropy();              // of the parsed answers, nats
//
// Each answer joins the first class whose first answer the grader calls the same, so for a grader
// that is an equivalence the order of the votes changes the numbering and nothing else. A
// CanonicalGrader is asked once per vote instead of once per pair.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/data/vote.hpp>
#include <visplay/grade/grader.hpp>

#include <cmath>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace visplay {

struct VoteClass {
  std::string answer{};  ///< as its first voter wrote it
  int votes = 0;         ///< > 0
};

struct VoteClasses {
  static constexpr int none = -1;

  std::vector<VoteClass> classes{};  ///< in order of their first votes
  std::vector<int> of_vote{};        ///< [m] the class of each vote; none: it has no answer
  int unparsed = 0;
  int truncated = 0;

  [[nodiscard]] int votes() const { return int(of_vote.size()); }
  [[nodiscard]] int parsed() const { return votes() - unparsed - truncated; }

  /// Share of all votes that are in the class of vote i; 0 if it has no answer.
  /// @throws Error if there is no such vote
  [[nodiscard]] double share(int i) const {
    check(0 <= i && i < votes(), "votes: expected an index below {}, got {}", votes(), i);
    return of_vote[std::size_t(i)] == none
               ? 0.
               : double(classes[std::size_t(of_vote[std::size_t(i)])].votes) / votes();
  }

  /// -sum p ln p over the classes, p = votes of the class / parsed votes; 0 without a parsed vote.
  [[nodiscard]] double entropy() const {
    double sum = 0;
    for (const VoteClass& c : classes) {
      const double p = double(c.votes) / parsed();
      sum -= p * std::log(p);
    }
    return sum;
  }
};

namespace detail {

template <class Grader>
class ClassFinder {
 public:
  explicit ClassFinder(const Grader& grade) : grade_(grade) {}

  /// The class that the answer belongs to; classes.size() for a new one.
  int operator()(const std::string& answer, std::span<const VoteClass> classes) {
    if constexpr (CanonicalGrader<Grader>) {
      return keys_.try_emplace(grade_.canonical(answer), int(classes.size())).first->second;
    } else {
      for (std::size_t c = 0; c < classes.size(); ++c)
        if (grade_(answer, classes[c].answer) == Verdict::same) return int(c);
      return int(classes.size());
    }
  }

 private:
  const Grader& grade_;
  std::unordered_map<std::string, int> keys_;
};

}  // namespace detail

template <class Grader>
[[nodiscard]] VoteClasses vote_classes(std::span<const Vote> votes, const Grader& grade) {
  static_assert(checked_grader<Grader>());
  VoteClasses sorted;
  detail::ClassFinder<Grader> find(grade);
  for (const Vote& vote : votes) {
    sorted.unparsed += vote.kind == VoteKind::unparsed;
    sorted.truncated += vote.kind == VoteKind::truncated;
    if (vote.kind != VoteKind::parsed) {
      sorted.of_vote.push_back(VoteClasses::none);
      continue;
    }
    const int found = find(vote.answer, sorted.classes);
    if (found == int(sorted.classes.size())) sorted.classes.push_back({vote.answer, 0});
    ++sorted.classes[std::size_t(found)].votes;
    sorted.of_vote.push_back(found);
  }
  return sorted;
}

}  // namespace visplay
