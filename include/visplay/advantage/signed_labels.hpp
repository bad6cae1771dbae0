// SignedLabels: advantages from labels that also say what is wrong (SCRL, 2603.19880)
//
//   r_i = positive   the accepted pseudo-label      (label  1)
//         -negative  in the set of negative answers (label -1)
//         0          neither                        (label  0)
//
// and A is `inner` of these: Raw as in the formula, GroupRelative as the authors train with. Answers
// that did not parse are neither: label 0.
#pragma once

#include <visplay/advantage/raw.hpp>

#include <string_view>
#include <vector>

namespace visplay {

template <class Inner = Raw>
struct SignedLabels {
  static_assert(checked_estimator<Inner>());
  static constexpr std::string_view name = "signed_labels";
  float positive = 1;  ///< >= 0
  float negative = 1;  ///< >= 0
  Inner inner{};

  /// @param labels   [n] 1, 0 or -1
  /// @param offsets  [groups + 1] of the labels
  /// @throws Error if out or the offsets do not fit, or a label is none of the three
  void operator()(std::span<const int> labels, std::span<const std::int64_t> offsets,
                  std::span<float> out) const {
    std::vector<float> rewards;
    rewards.reserve(labels.size());
    for (const int label : labels) {
      check(label >= -1 && label <= 1, "{}: expected a label of -1, 0 or 1, got {}", name, label);
      rewards.push_back(label > 0 ? positive : label < 0 ? -negative : 0.f);
    }
    inner(GroupedSpan{rewards, offsets}, out);
  }
};

}  // namespace visplay
