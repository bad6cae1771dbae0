// LinearSchedule: the learning rate of a phase, rising over the first steps and falling to a
// fraction of its peak at the last.
#pragma once

#include <algorithm>

namespace visplay {

struct LinearSchedule {
  double peak = 1e-6;
  int steps = 1;              ///< of the phase
  int warmup_steps = 0;       ///< step s < warmup_steps runs at peak * (s + 1) / warmup_steps
  double final_fraction = 1;  ///< of the peak, reached at the last step; 1 keeps it constant

  /// @param step  counted from 0
  [[nodiscard]] double operator()(int step) const {
    if (step < warmup_steps) return peak * (step + 1) / warmup_steps;
    const int falling = std::max(1, steps - 1 - warmup_steps);
    const double done = std::min(1., double(step - warmup_steps) / falling);
    return peak * (1 - done * (1 - final_fraction));
  }
};

}  // namespace visplay
