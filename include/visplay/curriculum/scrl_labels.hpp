// ScrlLabels: labels that may say no, and answers that are labelled wrong (SCRL, 2603.19880).
//
//   positive   the largest class, if its share of all votes is at least `share` and its lead above
//              `margin`; else there is none and nobody is rewarded
//   negative   every other class with less than `rare` of the votes and a mean entropy of its
//              completions at or above the mean of all: rare and unsure
//
// Votes without an answer are never either, but count among the votes and in the mean entropy. Shares
// are compared exactly (core/share.hpp); the authors' code compares doubles, where 0.5 - 0.35 is above
// 0.15.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/share.hpp>
#include <visplay/core/statistics.hpp>
#include <visplay/grade/majority_vote.hpp>
#include <visplay/grade/vote_classes.hpp>

#include <span>
#include <vector>

namespace visplay {

/// Indices into VoteClasses::classes.
struct ScrlLabel {
  int positive = VoteClasses::none;
  std::vector<int> negatives{};  ///< ascending

  /// What a completion of that class is worth: 1, -1 or 0; none: 0.
  [[nodiscard]] float reward(int answer_class) const {
    if (answer_class == VoteClasses::none) return 0;
    if (answer_class == positive) return 1;
    for (const int negative : negatives)
      if (answer_class == negative) return -1;
    return 0;
  }
};

struct ScrlLabels {
  double share = 0.5;    ///< of the positive class at least, in [0, 1]
  double margin = 0.15;  ///< its lead must be above it, in [0, 1]
  double rare = 0.15;    ///< share of a negative class below it, in [0, 1]

  /// @param entropy  [m] of each vote's completion: the mean over its tokens, nats
  /// @throws Error if there is not one entropy per vote
  [[nodiscard]] ScrlLabel operator()(const VoteClasses& votes,
                                     std::span<const double> entropy) const {
    check(int(entropy.size()) == votes.votes(), "scrl: expected {} entropies, got {}",
          votes.votes(), entropy.size());
    ScrlLabel found;
    const PseudoLabel label = label_of(votes);
    const int m = votes.votes();
    for (int c = 0; c < int(votes.classes.size()); ++c) {
      const int size = votes.classes[std::size_t(c)].votes;
      const bool is_majority = found.positive == VoteClasses::none && size == label.majority;
      if (is_majority && compare_share(size, m, share) >= 0 &&
          compare_share(size - label.second, m, margin) > 0)
        found.positive = c;
      else if (compare_share(size, m, rare) < 0 && mean_of(c, votes, entropy) >= mean(entropy))
        found.negatives.push_back(c);
    }
    return found;
  }

 private:
  static double mean_of(int answer_class, const VoteClasses& votes,
                        std::span<const double> entropy) {
    std::vector<double> members;
    for (std::size_t i = 0; i < entropy.size(); ++i)
      if (votes.of_vote[i] == answer_class) members.push_back(entropy[i]);
    return mean(members);
  }
};

}  // namespace visplay
