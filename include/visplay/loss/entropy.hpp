// The entropy bonus over a run: Objective subtracts entropy_coefficient * entropy from each token's
// loss; the controller below moves that coefficient so that the policy's entropy stays near a target.
//
//   const AdaptiveEntropy control{.target = 0.2f};
//   objective.entropy_coefficient = control.applied(coefficient, last_entropy);
//   ...                                                     // a step, whose mean entropy is `entropy`
//   coefficient = control(coefficient, entropy);
//
// Skywork-OR1 (2505.22312), sec. 4; TRL's use_adaptive_entropy. Masks by entropy: token_rules.hpp.
#pragma once

#include <algorithm>
#include <string_view>

namespace visplay {

struct AdaptiveEntropy {
  static constexpr std::string_view name = "adaptive_entropy";
  float target = 0.2f;  ///< nats, mean over the tokens of a step
  float step = 0.005f;  ///< > 0
  float lowest = 0;     ///< of the coefficient
  float highest = 1;

  /// The coefficient after a step: up while the entropy is at or below the target, else down.
  [[nodiscard]] float operator()(float coefficient, double entropy) const {
    return entropy <= double(target) ? std::min(coefficient + step, highest)
                                     : std::max(coefficient - step, lowest);
  }
  /// What the next step uses: the bonus rests while the entropy is above the target.
  [[nodiscard]] float applied(float coefficient, double last_entropy) const {
    return last_entropy <= double(target) ? coefficient : 0;
  }
};

}  // namespace visplay
