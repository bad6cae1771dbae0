// MaskedSum: what masked_sums (CPU and CUDA) give of each completion.
#pragma once

namespace visplay {

struct MaskedSum {
  double sum = 0, count = 0;
  [[nodiscard]] double mean() const { return count > 0 ? sum / count : 0; }
};

}  // namespace visplay
