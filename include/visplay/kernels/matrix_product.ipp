// Bodies of matrix_product.hpp: checks, the choice of a level, working memory.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/huge_buffer.hpp>
#include <visplay/kernels/matrix_product.hpp>

#ifndef VISPLAY_SIMD_UNITS
#include <visplay/kernels/matrix_product_pass.hpp>
#endif

#include <algorithm>
#include <vector>

namespace visplay {
namespace matrix_product_detail {

VISPLAY_INLINE Pass pass_in_use([[maybe_unused]] FloatType type) {
#ifdef VISPLAY_SIMD_UNITS
  // Other types gain nothing from the levels that add products of bfloat16.
  const SimdLevel level =
      type == FloatType::bfloat16 ? simd_level() : std::min(simd_level(), SimdLevel::avx512);
  return at_simd_level<SimdLevel::amx>(level, [&]<SimdLevel at>() { return pass_at<at>(type); });
#else
  return matrix::product_here(type, simd_level());
#endif
}

template <class Matrix>
VISPLAY_INLINE void check_shape(const Matrix& m, std::string_view name) {
  check(m.rows >= 0 && m.columns >= 0 && m.stride >= m.columns &&
            (m.data || m.rows == 0 || m.columns == 0),
        "matrix_product: {} is no matrix: {} x {}, stride {}", name, m.rows, m.columns, m.stride);
}

VISPLAY_INLINE HugeBuffer& memory() {
  thread_local HugeBuffer buffer;
  return buffer;
}

}  // namespace matrix_product_detail

VISPLAY_INLINE void matrix_product(const ProductOperand& left, const ProductOperand& right,
                                   std::span<const float> bias, const MutableFloatMatrix& out,
                                   ThreadPool& pool) {
  using namespace matrix_product_detail;
  check_shape(left.matrix, "left");
  check_shape(right.matrix, "right");
  check_shape(out, "out");
  check(left.depth() == right.depth() && left.matrix.type == right.matrix.type &&
            out.type == left.matrix.type && out.rows == left.rows() && out.columns == right.rows(),
        "matrix_product: expected [I, K], [J, K] and [I, J] of one type, got {} [{}, {}], {} [{}, "
        "{}] and {} [{}, {}]",
        name_of(left.matrix.type), left.rows(), left.depth(), name_of(right.matrix.type),
        right.rows(), right.depth(), name_of(out.type), out.rows, out.columns);
  check(bias.empty() || std::int64_t(bias.size()) == out.columns,
        "matrix_product: expected a bias of {} numbers, got {}", out.columns, bias.size());
  if (out.rows == 0 || out.columns == 0) return;
  std::vector<float> padded(std::size_t((out.columns + 31) / 32 * 32));
  std::ranges::copy(bias, padded.begin());
  // Below some two million operations a second thread costs more than it brings.
  ThreadPool alone(1);
  const double work = double(out.rows) * double(out.columns) * double(left.depth());
  const Plan plan{left, right, padded.data(), out, work < 1e6 ? &alone : &pool};
  const Pass pass = pass_in_use(left.matrix.type);
  pass.run(plan, memory().reserve(pass.bytes(plan)));
}

}  // namespace visplay
