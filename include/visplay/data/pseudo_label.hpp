// PseudoLabel: what the votes on one question say. All counts are integers; shares are taken when
// they are read, so that bands and margins can compare exact products.
#pragma once

#include <string>

namespace visplay {

struct PseudoLabel {
  std::string answer{};  ///< of the majority, as its first voter wrote it; empty if nothing parsed
  int votes = 0;         ///< m: all that were asked for
  int majority = 0;      ///< n_max: votes of the largest class
  int second = 0;        ///< n_2: votes of the next class
  int unparsed = 0;
  int truncated = 0;

  [[nodiscard]] bool exists() const { return majority > 0; }
  /// c = n_max / m, in [0, 1]; 0 without a parsed vote.
  [[nodiscard]] float confidence() const { return votes ? float(majority) / float(votes) : 0.f; }
};

}  // namespace visplay
