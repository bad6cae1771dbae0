// What agreeing with the pseudo-label is worth. For the Reasoner; what did not parse agrees with
// nothing.
//
//   LabelAccuracy<>{}       1[y = label]       VisPlay, 2511.15661, eq. 10
//   WeightedAccuracy<>{}    1[y = label] * c   a label pays what it is believed: c, its confidence
//   ShareAccuracy{}         p(y)^gamma         EvoLMM, 2511.16672: p(y) is the share of the votes for
//                                              y itself, so a minority answer is worth something
#pragma once

#include <visplay/data/sample.hpp>
#include <visplay/grade/exact.hpp>
#include <visplay/grade/grader.hpp>
#include <visplay/reward/difficulty.hpp>
#include <visplay/reward/each.hpp>
#include <visplay/reward/reward.hpp>

#include <cmath>
#include <concepts>
#include <span>
#include <string_view>

namespace visplay {

template <class S>
concept HasVoteAndLabel = requires(const S& sample) {
  { sample.vote } -> std::convertible_to<const Vote&>;
  { sample.label } -> std::convertible_to<std::string_view>;
};

template <class S>
concept HasAnswerShare = requires(const S& sample) {
  { sample.answer_share } -> std::convertible_to<double>;
};

namespace detail {
template <class Sample, class Grader>
bool agrees(const Sample& s, const Grader& grade) {
  return s.vote.kind == VoteKind::parsed && grade(s.vote.answer, s.label) == Verdict::same;
}
}  // namespace detail

template <class Grader = Exact>
struct LabelAccuracy {
  static_assert(checked_grader<Grader>());
  static constexpr std::string_view name = "accuracy";
  Grader grade{};

  /// @throws Error if batch and out differ in length
  template <HasVoteAndLabel Sample>
  void operator()(std::span<const Sample> batch, std::span<float> out) const {
    detail::score_each(name, batch, out,
                       [this](const Sample& s) { return detail::agrees(s, grade) ? 1. : 0.; });
  }
};
static_assert(RewardFor<LabelAccuracy<>, AnswerSample>);

template <class Grader = Exact>
struct WeightedAccuracy {
  static_assert(checked_grader<Grader>());
  static constexpr std::string_view name = "weighted_accuracy";
  Grader grade{};

  /// Scores in [0, 1]. @throws Error if batch and out differ in length
  template <class Sample>
  requires HasVoteAndLabel<Sample> && HasConfidence<Sample>
  void operator()(std::span<const Sample> batch, std::span<float> out) const {
    detail::score_each(name, batch, out, [this](const Sample& s) {
      return detail::agrees(s, grade) ? double(s.confidence) : 0.;
    });
  }
};
static_assert(RewardFor<WeightedAccuracy<>, AnswerSample>);

struct ShareAccuracy {
  static constexpr std::string_view name = "share_accuracy";
  double gamma = 0.7;  ///< > 0; EvoLMM's value

  /// Scores in [0, 1]; no votes for it, nothing. @throws Error if batch and out differ in length
  template <HasAnswerShare Sample>
  void operator()(std::span<const Sample> batch, std::span<float> out) const {
    check(gamma > 0, "share_accuracy: expected gamma above 0, got {}", gamma);
    detail::score_each(name, batch, out,
                       [this](const Sample& s) { return std::pow(double(s.answer_share), gamma); });
  }
};
static_assert(RewardFor<ShareAccuracy, AnswerSample>);

}  // namespace visplay
