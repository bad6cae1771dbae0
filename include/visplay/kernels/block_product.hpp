// block_product(): C += A B for small blocks of floats in cache, the inner product of attention.
//
// Sums run over k in order, whatever the block's place: the bits do not depend on how a larger
// product is cut along rows and columns.
#pragma once

#include <visplay/kernels/lanes.hpp>

namespace visplay {
inline namespace VISPLAY_ISA {

/// Elements a(r, k) at data[r * row + k * column].
struct StridedBlock {
  const float* data;
  std::ptrdiff_t row, column;
};

namespace block_detail {

// Rows of C and packs of a row that stay in registers: 6 x 4 of 32 registers, 6 x 2 of 16.
constexpr int block_rows = 6, block_packs = VISPLAY_REGISTER_BYTES == 64 ? 4 : 2;

template <int Rows, int Packs>
void product_in_registers(const StridedBlock& a, int depth, const float* b, std::ptrdiff_t b_step,
                          float* c, std::ptrdiff_t c_step) {
  Pack sums[Rows][Packs];
  for (int k = 0; k < depth; ++k, b += b_step) {
    Pack of_b[Packs];
    for (int p = 0; p < Packs; ++p) of_b[p] = load(b + p * Pack::lanes);
    for (int r = 0; r < Rows; ++r) {
      const Pack of_a(a.data[r * a.row + k * a.column]);
      for (int p = 0; p < Packs; ++p) sums[r][p].v += of_a.v * of_b[p].v;
    }
  }
  for (int r = 0; r < Rows; ++r)
    for (int p = 0; p < Packs; ++p) {
      float* to = c + r * c_step + p * Pack::lanes;
      store(to, load(to) + sums[r][p]);
    }
}

template <int Rows>
void product_of_rows(const StridedBlock& a, int depth, const float* b, std::ptrdiff_t b_step,
                     int columns, float* c, std::ptrdiff_t c_step) {
  constexpr int wide = block_packs * Pack::lanes;
  int j = 0;
  for (; j + wide <= columns; j += wide)
    product_in_registers<Rows, block_packs>(a, depth, b + j, b_step, c + j, c_step);
  for (; j < columns; j += Pack::lanes)
    product_in_registers<Rows, 1>(a, depth, b + j, b_step, c + j, c_step);
}

}  // namespace block_detail

/// c[r][j] += sum_k a(r, k) b[k][j] for r in [0, rows), k in [0, depth), j in [0, columns rounded up
/// to whole packs): so much of b is read and of c written.
/// @param b_step, c_step  floats between two rows
inline void block_product(StridedBlock a, int rows, int depth, const float* b,
                          std::ptrdiff_t b_step, int columns, float* c, std::ptrdiff_t c_step) {
  constexpr int step = block_detail::block_rows;
  for (; rows >= step; rows -= step, a.data += step * a.row, c += step * c_step)
    block_detail::product_of_rows<step>(a, depth, b, b_step, columns, c, c_step);
  for (; rows >= 2; rows -= 2, a.data += 2 * a.row, c += 2 * c_step)
    block_detail::product_of_rows<2>(a, depth, b, b_step, columns, c, c_step);
  if (rows) block_detail::product_of_rows<1>(a, depth, b, b_step, columns, c, c_step);
}

}  // namespace VISPLAY_ISA
}  // namespace visplay
