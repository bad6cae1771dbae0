// The pass of matrix_product for the level that the including unit is compiled for. Part of
// matrix_product.ipp; nothing else belongs in such a unit.
#include <visplay/kernels/matrix_product_pass.hpp>

namespace visplay::matrix_product_detail {

template <SimdLevel level>
Pass pass_at(FloatType type) {
  return matrix::product_here(type, level);
}

template Pass pass_at<unit_simd_level>(FloatType type);

}  // namespace visplay::matrix_product_detail
