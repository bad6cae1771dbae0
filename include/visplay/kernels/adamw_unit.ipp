// AdamW's loops for the level that the including unit is compiled for. Part of adamw.ipp; nothing
// else belongs in such a unit.
#include <visplay/kernels/adamw_pass.hpp>

namespace visplay::adamw_detail {

template <SimdLevel level>
AdamWPasses adamw_passes_at() {
  return adamw_pass::passes_here();
}
template AdamWPasses adamw_passes_at<unit_simd_level>();

}  // namespace visplay::adamw_detail
