// matrix_product: products of matrices in the narrow types that models are stored in.
//
//   out[i][j] = sum_k left(i, k) right(j, k) + bias[j]
//
// An operand's rows are those of its matrix, or its columns if it is `turned`. With x [N, H] and the
// weight [M, H] of a linear layer that covers the layer and both of its gradients:
//
//   matrix_product({x}, {weight}, bias, y, pool);                                // y = x W^T + b
//   matrix_product({y_gradient}, {weight, true}, {}, x_gradient, pool);          // dy W
//   matrix_product({y_gradient, true}, {x, true}, {}, weight_gradient, pool);    // dy^T x
//
// bfloat16 is multiplied by AMX or AVX512-BF16 where the processor has them, else, like float16, as
// float32; sums are float32 and rounded once. The result is the same to the bit for any number of
// threads and from call to call, at one level of instruction set (core/simd_level.hpp). Working memory,
// kept by the calling thread: 1,024 rows of `left` packed (2 KiB a number of k, 4 as float32) and at most
// 2.5 MiB a thread. Fewer than 16 rows on the left, neither operand turned: `right` is read once, as it
// lies, products are of float32 at every level, and the order of sums is another.
#pragma once

#include <visplay/core/parallel.hpp>
#include <visplay/core/simd_level.hpp>
#include <visplay/kernels/float_matrix.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace visplay {

struct ProductOperand {
  FloatMatrix matrix;
  bool turned = false;  ///< k runs over the matrix's rows

  [[nodiscard]] std::int64_t rows() const { return turned ? matrix.columns : matrix.rows; }
  [[nodiscard]] std::int64_t depth() const { return turned ? matrix.rows : matrix.columns; }
};

/// @param left   I rows, summed over K
/// @param right  J rows, summed over K, of left's type
/// @param bias   [J], or empty
/// @param out    [I, J], of left's type; shares no memory with the operands
/// @throws Error if shapes or types do not fit
void matrix_product(const ProductOperand& left, const ProductOperand& right,
                    std::span<const float> bias, const MutableFloatMatrix& out, ThreadPool& pool);

namespace matrix_product_detail {

struct Plan {
  ProductOperand left, right;
  const float* bias = nullptr;  ///< [J rounded up to 32]
  MutableFloatMatrix out;
  ThreadPool* pool = nullptr;
};

/// The product at one level for operands of one type. The memory is as many bytes as `bytes` said.
struct Pass {
  std::size_t (*bytes)(const Plan&) = nullptr;
  void (*run)(const Plan&, std::byte* memory) = nullptr;
};

/// Compiled for one level, in a unit of its own (matrix_product_unit.ipp).
template <SimdLevel level>
Pass pass_at(FloatType type);

}  // namespace matrix_product_detail
}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/kernels/matrix_product.ipp>
#endif
