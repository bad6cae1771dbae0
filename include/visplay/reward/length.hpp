// Length and truncation (l: tokens of the completion, the end token included).
//
//   SoftOverlong{L, C}       0 up to L - C, then down to -1 at L and beyond    DAPO, 2503.14476, eq. 13
//   StopProperly{factor}     factor if the length limit ended it, else 1       ProRL v2; a factor:
//                                                                              Product{Accuracy, it}
//   LengthBudget{n, weight}  1 - weight max(0, l - n) / n, at least 0          EvoLMM, 2511.16672: the
//                                                                              (1 - penalty) of its
//                                                                              Product{ShareAccuracy, it}
//   overlong_filter          which completions the loss may look at            DAPO: not the truncated
//
// The overlong filter takes completions out of the loss and leaves their rewards where they are.
#pragma once

#include <visplay/data/sample.hpp>
#include <visplay/reward/each.hpp>
#include <visplay/reward/reward.hpp>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace visplay {

template <class S>
concept HasLength = requires(const S& sample) {
  { sample.length } -> std::convertible_to<std::int64_t>;
};
template <class S>
concept HasTruncation = requires(const S& sample) {
  { sample.truncated } -> std::convertible_to<bool>;
};

struct SoftOverlong {
  static constexpr std::string_view name = "overlong";
  std::int64_t max_length = 2048;  ///< L, tokens, > 0
  std::int64_t window = 512;       ///< C, tokens, in [1, L]

  /// Scores in [-1, 0]. @throws Error for settings out of range, or if batch and out differ in length
  template <HasLength Sample>
  void operator()(std::span<const Sample> batch, std::span<float> out) const {
    check(1 <= window && window <= max_length, "overlong: expected a window from 1 to {}, got {}",
          max_length, window);
    detail::score_each(name, batch, out, [this](const Sample& s) {
      const auto over = double(std::int64_t(s.length) - (max_length - window));
      return -std::clamp(over / double(window), 0., 1.);
    });
  }
};
static_assert(RewardFor<SoftOverlong, AnswerSample>);

struct StopProperly {
  static constexpr std::string_view name = "stop_properly";
  double factor = 0;  ///< in [0, 1]; 0: what was cut off is worth nothing

  /// @throws Error if batch and out differ in length
  template <HasTruncation Sample>
  void operator()(std::span<const Sample> batch, std::span<float> out) const {
    detail::score_each(name, batch, out,
                       [this](const Sample& s) { return s.truncated ? factor : 1.; });
  }
};
static_assert(RewardFor<StopProperly, AnswerSample>);

struct LengthBudget {
  static constexpr std::string_view name = "length_budget";
  std::int64_t budget = 256;  ///< n, tokens, > 0
  double weight = 0.1;        ///< >= 0: price of being once more over the budget

  /// Scores in [0, 1]. @throws Error for settings out of range, or if batch and out differ in length
  template <HasLength Sample>
  void operator()(std::span<const Sample> batch, std::span<float> out) const {
    check(budget > 0, "length_budget: expected a budget above 0, got {}", budget);
    detail::score_each(name, batch, out, [this](const Sample& s) {
      const double over = std::max(0., double(std::int64_t(s.length) - budget) / double(budget));
      return std::max(0., 1 - weight * over);
    });
  }
};
static_assert(RewardFor<LengthBudget, AnswerSample>);

/// 1 where the loss counts, 0 where the length limit ended the completion.
template <HasTruncation Sample>
[[nodiscard]] std::vector<std::uint8_t> overlong_filter(std::span<const Sample> batch) {
  std::vector<std::uint8_t> keep;
  for (const Sample& sample : batch) keep.push_back(!sample.truncated);
  return keep;
}

}  // namespace visplay
