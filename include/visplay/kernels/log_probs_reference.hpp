// Reference: how y = c x - r (log_probs_formula.hpp) is rounded once at most.
#pragma once

#include <visplay/kernels/power_of_two.hpp>

#include <type_traits>

namespace visplay {
inline namespace VISPLAY_ISA {

/// Where there is a fused multiply-add, y is one; else y comes from a difference of logits.
/// @tparam Value  float, or lanes of them
template <class Value>
struct Reference {
  static constexpr bool fused = multiply_add_rounds_once;
  Value value{};  ///< fused: r, else r / c

  /// y of this logit is zero.
  static Reference of(const Value& logit, float factor) { return {fused ? logit * factor : logit}; }
  [[nodiscard]] Pack::Lanes y_of(const Pack::Lanes& x, float factor) const {
    return fused ? multiply_add(x, Pack::Lanes{} + factor, Pack::Lanes{} - value)
                 : (x - value) * factor;
  }
  /// r less that of another.
  [[nodiscard]] Value above(const Reference& other, float factor) const {
    return fused ? value - other.value : (value - other.value) * factor;
  }
  /// r; that of a float in double.
  [[nodiscard]] auto offset(float factor) const {
    if constexpr (std::is_same_v<Value, float>)
      return fused ? double(value) : double(value) * double(factor);
    else
      return fused ? value : value * factor;
  }
};

}  // namespace VISPLAY_ISA
}  // namespace visplay
