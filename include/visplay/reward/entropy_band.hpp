// EntropyBand: difficulty by the entropy H of the answers instead of the majority's share. Full marks
// at a chosen entropy, less to both sides (EvoLMM, 2511.16672):
//
//   exp(-(H - target)^2 / (2 width^2)),   H = -sum p ln p over the classes of parsed answers
//
// EvoLMM votes five times; with m votes H is at most ln m. Unlike 1 - |2c - 1| it sees how the votes
// off the majority are spread: A5 B5 has H = 0.69, A5 and five different ones have H = 1.50.
#pragma once

#include <visplay/data/sample.hpp>
#include <visplay/reward/each.hpp>
#include <visplay/reward/reward.hpp>

#include <cmath>
#include <concepts>
#include <span>
#include <string_view>

namespace visplay {

template <class S>
concept HasAnswerEntropy = requires(const S& sample) {
  { sample.answer_entropy } -> std::convertible_to<double>;
};

struct EntropyBand {
  static constexpr std::string_view name = "entropy_band";
  double target = 0.9;  ///< nats, >= 0
  double width = 0.35;  ///< nats, > 0: standard deviation of the bell

  /// Scores in (0, 1]. @throws Error if batch and out differ in length, or width is not above 0
  template <HasAnswerEntropy Sample>
  void operator()(std::span<const Sample> batch, std::span<float> out) const {
    check(width > 0, "entropy_band: expected a width above 0, got {}", width);
    detail::score_each(name, batch, out, [this](const Sample& s) {
      const double off = (double(s.answer_entropy) - target) / width;
      return std::exp(-off * off / 2);
    });
  }
};
static_assert(RewardFor<EntropyBand, QuestionSample>);

}  // namespace visplay
