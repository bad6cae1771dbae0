// ReasonerReward: what an answer to a labelled question is worth.
//
//   paper, robust   1[y = label]                           2511.15661, eq. 10
//   official        0.9 * 1[y = label] + 0.1 * format      authors' cot_val_solver.py
//
// The authors' format asks for <think> tags that their prompt never mentions, so that their Reasoner
// is paid 0.9 at most; with a prompt that asks for them, as ours does, the last tenth can be earned.
#pragma once

#include <visplay/data/reward_table.hpp>
#include <visplay/data/sample.hpp>
#include <visplay/grade/exact.hpp>
#include <visplay/grade/grader.hpp>
#include <visplay/reward/accuracy.hpp>
#include <visplay/reward/format.hpp>
#include <visplay/reward/mode.hpp>
#include <visplay/reward/reward.hpp>

#include <span>

namespace visplay {

template <class Grader = Exact>
struct ReasonerReward {
  static_assert(checked_grader<Grader>());
  Mode mode = Mode::paper;
  double format_weight = 0.1;  ///< in [0, 1]; official only
  Grader grade{};

  template <class Sample>
  requires HasVoteAndLabel<Sample> && HasForm<Sample>
  [[nodiscard]] RewardTable operator()(std::span<const Sample> batch) const {
    if (mode != Mode::official) return RewardSum{Term{1., LabelAccuracy<Grader>{grade}}}(batch);
    return RewardSum{Term{1 - format_weight, LabelAccuracy<Grader>{grade}},
                     Term{format_weight, ReasoningFormat{}}}(batch);
  }
};

}  // namespace visplay
