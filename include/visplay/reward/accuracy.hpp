// LabelAccuracy: 1 if the Reasoner's answer is the pseudo-label, else 0 (VisPlay, 2511.15661, eq. 10).
// What did not parse agrees with nothing.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/data/sample.hpp>
#include <visplay/grade/exact.hpp>
#include <visplay/grade/grader.hpp>
#include <visplay/reward/reward.hpp>

#include <algorithm>
#include <concepts>
#include <span>
#include <string_view>

namespace visplay {

template <class S>
concept HasVoteAndLabel = requires(const S& sample) {
  { sample.vote } -> std::convertible_to<const Vote&>;
  { sample.label } -> std::convertible_to<std::string_view>;
};

template <AnswerGrader Grader = Exact>
struct LabelAccuracy {
  static constexpr std::string_view name = "accuracy";
  Grader grade{};

  /// @throws Error if batch and out differ in length
  template <HasVoteAndLabel Sample>
  void operator()(std::span<const Sample> batch, std::span<float> out) const {
    check(out.size() == batch.size(), "accuracy: expected {} scores, got room for {}", batch.size(),
          out.size());
    std::ranges::transform(batch, out.begin(), [this](const Sample& s) {
      const bool agrees =
          s.vote.kind == VoteKind::parsed && grade(s.vote.answer, s.label) == Verdict::same;
      return agrees ? 1.f : 0.f;
    });
  }
};
static_assert(RewardFor<LabelAccuracy<>, AnswerSample>);

}  // namespace visplay
