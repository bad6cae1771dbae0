// The loops of log_probs for the level that the including unit is compiled for. Part of
// log_probs.ipp; nothing else belongs in such a unit.
#include <visplay/kernels/log_probs_pass.hpp>

namespace visplay::log_probs_detail {

template <SimdLevel level, class Number>
LogProbPasses<Number> log_probs_passes_at() {
  return log_probs_pass::passes_here<Number>();
}
template LogProbPasses<float> log_probs_passes_at<unit_simd_level, float>();
template LogProbPasses<BFloat16> log_probs_passes_at<unit_simd_level, BFloat16>();
template LogProbPasses<Float16> log_probs_passes_at<unit_simd_level, Float16>();

}  // namespace visplay::log_probs_detail
