// The passes of linear_log_probs for the level that the including unit is compiled for. Part of
// linear_log_probs.ipp; nothing else belongs in such a unit.
#include <visplay/kernels/linear_log_probs_pass.hpp>

namespace visplay::linear_log_probs_detail {

template <SimdLevel level>
Passes passes_at(FloatType type) {
  return matrix::passes_here(type, level);
}

template Passes passes_at<unit_simd_level>(FloatType type);

}  // namespace visplay::linear_log_probs_detail
