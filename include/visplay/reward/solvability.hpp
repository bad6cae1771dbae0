// Rewards that need an answer besides the votes: the one that the Questioner gave itself in <answer>.
//
//   CappedSolvability{}   min(s, cap)                        MM-Zero, 2603.09206: solvable, but no
//                                                            more pay for being easy
//   Learnability{}        0 if s is 0 or 1, else 1 - s       Absolute Zero, 2505.03335
//   IntuitionContrast{}   min(c, 1 - c) if the fast answer   V-Zero, 2601.10094: easy for intuition
//                         is the label, else 0.5 c           must be hard for the votes, and vice versa
//
// s is the share of the votes for the Questioner's own answer, c the confidence of the label. MM-Zero
// pays its Proposer min(s, 0.5) + min(c, 1 - c):
//
//   RewardSum{Term{1., CappedSolvability{}}, Term{1., Difficulty{Difficulty::Shape::smaller_share}}}
#pragma once

#include <visplay/data/sample.hpp>
#include <visplay/reward/difficulty.hpp>
#include <visplay/reward/each.hpp>
#include <visplay/reward/reward.hpp>

#include <algorithm>
#include <concepts>
#include <span>
#include <string_view>

namespace visplay {

template <class S>
concept HasOwnShare = requires(const S& sample) {
  { sample.own_share } -> std::convertible_to<double>;
};
template <class S>
concept HasFastAnswer = requires(const S& sample) {
  { sample.own_is_label } -> std::convertible_to<bool>;
};

struct CappedSolvability {
  static constexpr std::string_view name = "solvability";
  double cap = 0.5;  ///< in [0, 1]

  /// @throws Error if batch and out differ in length
  template <HasOwnShare Sample>
  void operator()(std::span<const Sample> batch, std::span<float> out) const {
    detail::score_each(name, batch, out,
                       [this](const Sample& s) { return std::min(double(s.own_share), cap); });
  }
};
static_assert(RewardFor<CappedSolvability, QuestionSample>);

struct Learnability {
  static constexpr std::string_view name = "learnability";

  /// Scores in [0, 1). @throws Error if batch and out differ in length
  template <HasOwnShare Sample>
  void operator()(std::span<const Sample> batch, std::span<float> out) const {
    detail::score_each(name, batch, out, [](const Sample& s) {
      const double share = s.own_share;
      return share <= 0 || share >= 1 ? 0. : 1 - share;
    });
  }
};
static_assert(RewardFor<Learnability, QuestionSample>);

struct IntuitionContrast {
  static constexpr std::string_view name = "intuition_contrast";

  /// Scores in [0, 0.5]. @throws Error if batch and out differ in length
  template <class Sample>
  requires HasConfidence<Sample> && HasFastAnswer<Sample>
  void operator()(std::span<const Sample> batch, std::span<float> out) const {
    detail::score_each(name, batch, out, [](const Sample& s) {
      const double c = s.confidence;
      return s.own_is_label ? std::min(c, 1 - c) : 0.5 * c;
    });
  }
};
static_assert(RewardFor<IntuitionContrast, QuestionSample>);

}  // namespace visplay
