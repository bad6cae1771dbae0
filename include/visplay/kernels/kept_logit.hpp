// A logit of a bfloat16 head in 16 bits, as the forward pass of linear_log_probs keeps it for its backward
// pass: how far its y (log_probs_formula.hpp) is below the largest one near it, in steps of 2^-10, down to
// 2^-64 of that one's probability. That is an error of at most 3.4e-4 of a probability, a sixth of the
// rounding of its gradient to bfloat16, and none of the largest.
#pragma once

#include <visplay/core/macros.hpp>

#include <cstdint>

namespace visplay {

struct KeptLogit {
  static constexpr float steps = 1024, most = 65535;

  /// @param below  y less the largest y, at most about zero; NaN: as far as it goes
  [[nodiscard]] VISPLAY_HD static std::uint16_t code_of(float below) {
    const float rounded = 0.5f - below * steps;  // where y itself has large steps: also negative
    return std::uint16_t(!(rounded < most) ? most : rounded > 0 ? rounded : 0.f);
  }
  [[nodiscard]] VISPLAY_HD static float below_of(std::uint16_t code) {
    return float(code) * (-1 / steps);
  }
};

}  // namespace visplay
