// ConfidenceBand: which pseudo-labels the Reasoner is trained on. Kept is what is neither easy nor
// hopeless: low <= c <= high (VisPlay, 2511.15661, eq. 9), in robust mode also with a clear lead.
// Shares are compared in integers (core/share.hpp).
//
//   const ConfidenceBand band{.low = 0.4, .high = 0.95, .margin = 0.1, .max_unparsed = 0.3};
//   if (band(label) == LabelVerdict::kept) ...
//
// c is n_max over all votes. The authors' code takes it over the votes that have an answer, and drops
// a question whose largest class is that of no answer: ConfidenceBand{.over = Over::parsed}.
#pragma once

#include <visplay/core/describe.hpp>
#include <visplay/core/share.hpp>
#include <visplay/data/pseudo_label.hpp>

#include <array>
#include <optional>
#include <string_view>

namespace visplay {

enum class LabelVerdict { kept, no_answer, unparsed, hard, easy, tied };

/// As `reason` in samples.jsonl and metrics.
constexpr std::string_view name_of(LabelVerdict verdict) {
  constexpr std::string_view names[] = {"kept", "no_answer", "unparsed", "hard", "easy", "tied"};
  return names[int(verdict)];
}

struct ConfidenceBand {
  enum class Over { votes, parsed };

  double low = 0.25;               ///< c at least, in [0, 1]
  double high = 0.75;              ///< c at most, in [low, 1]
  std::optional<double> margin{};  ///< (n_max - n_2) / m must be above it, in [0, 1); none: off
  double max_unparsed = 1;         ///< share of unparsed votes at most, in [0, 1]
  Over over = Over::votes;         ///< denominator of c and of the margin

  /// The first of these reasons that applies: no answer parsed; too many votes did not parse; c
  /// below the band (hard); above it (easy); no clear lead (tied).
  [[nodiscard]] LabelVerdict operator()(const PseudoLabel& label) const {
    const int without = label.unparsed + label.truncated;
    const int m = denominator(label);
    if (!label.exists()) return LabelVerdict::no_answer;
    if (over == Over::parsed && without > label.majority) return LabelVerdict::unparsed;
    if (compare_share(label.unparsed, label.votes, max_unparsed) > 0) return LabelVerdict::unparsed;
    if (compare_share(label.majority, m, low) < 0) return LabelVerdict::hard;
    if (compare_share(label.majority, m, high) > 0) return LabelVerdict::easy;
    if (margin && compare_share(label.majority - label.second, m, *margin) <= 0)
      return LabelVerdict::tied;
    return LabelVerdict::kept;
  }

  /// The c that is compared with low and high; 0 without a parsed vote.
  [[nodiscard]] double confidence(const PseudoLabel& label) const {
    return label.exists() ? double(label.majority) / denominator(label) : 0.;
  }

 private:
  [[nodiscard]] int denominator(const PseudoLabel& label) const {
    return over == Over::votes ? label.votes : label.votes - label.unparsed - label.truncated;
  }
};

/// Keys are the members; `over` is the mode's and no setting.
void describe(auto& visit, OfType<ConfidenceBand> auto& s) {
  visit("low", s.low, "keep labels of at least this confidence", between(0, 1));
  visit("high", s.high, "keep labels of at most this confidence", between(0, 1));
  visit("margin", s.margin, "majority less runner-up must exceed this share of m", between(0, 1));
  visit("max_unparsed", s.max_unparsed, "more votes without an answer: no label", between(0, 1));
}

/// How many labels met which end.
struct VerdictCounts {
  std::array<int, 6> counts{};

  void add(LabelVerdict verdict) { ++counts[int(verdict)]; }
  [[nodiscard]] int of(LabelVerdict verdict) const { return counts[int(verdict)]; }
};

}  // namespace visplay
