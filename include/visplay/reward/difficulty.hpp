// Difficulty: how far the Reasoner's votes on a question are from unanimous. For the Questioner.
//
//   Difficulty{}                                  1 - |2c - 1|    the paper (2511.15661, eq. 5)
//   Difficulty{Difficulty::Shape::smaller_share}  min(c, 1 - c)   the authors' code: half of it
//
// c is the confidence, votes for the majority answer over all votes asked for. The score is largest
// at c = 1/2 and zero when the votes are unanimous. The tent is also the reward of R-Zero (2508.05004)
// and Active-Zero (2602.11241), the smaller share the one of R-Zero's code, RISE and MM-Zero.
// By the entropy of the answers instead: entropy_band.hpp; with the Questioner's own: solvability.hpp.
#pragma once

#include <visplay/reward/each.hpp>
#include <visplay/reward/reward.hpp>

#include <algorithm>
#include <concepts>
#include <span>
#include <string_view>

namespace visplay {

template <class S>
concept HasConfidence = requires(const S& sample) {
  { sample.confidence } -> std::convertible_to<float>;
};

struct Difficulty {
  static constexpr std::string_view name = "difficulty";
  enum class Shape { tent, smaller_share };
  Shape shape = Shape::tent;

  /// @param batch  samples with a confidence in [0, 1]
  /// @param out    one score per sample; same length as batch
  /// @throws Error if the lengths differ
  template <HasConfidence Sample>
  void operator()(std::span<const Sample> batch, std::span<float> out) const {
    detail::score_each(name, batch, out, [this](const Sample& s) { return score(s.confidence); });
  }

 private:
  // In double, so that a confidence of 3/7 scores like one of 4/7, to the bit.
  float score(double confidence) const {
    const double smaller = std::min(confidence, 1 - confidence);
    return float(shape == Shape::tent ? 2 * smaller : smaller);
  }
};

namespace detail {
struct DifficultySample {
  float confidence;
};
}  // namespace detail
static_assert(RewardFor<Difficulty, detail::DifficultySample>);

}  // namespace visplay
