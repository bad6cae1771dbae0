// Bodies of kernels/resample.hpp. One inner loop serves both axes: blocks of levels that share their
// weights. Along a column they lie side by side; for rows, blocks of rows are transposed first.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/kernels/resample.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace visplay {

namespace detail {
inline namespace VISPLAY_ISA {

inline constexpr std::int64_t level_block = 64;

/// to[i] = the weighted sum of from[i], from[i + stride], ... for i in [0, level_block). Plain loops:
/// the compiler keeps the sums in registers, and GCC 12 widens bytes well here only.
inline void resample_block(const std::uint8_t* __restrict from, std::ptrdiff_t stride,
                           const std::int32_t* __restrict weights, int count, int bits,
                           std::uint8_t* __restrict to) {
  std::int32_t sums[level_block];
  for (std::int32_t& sum : sums) sum = 1 << (bits - 1);
  for (int j = 0; j < count; ++j, from += stride) {
    const std::int32_t weight = weights[j];
    for (int i = 0; i < level_block; ++i) sums[i] += weight * from[i];
  }
  for (int i = 0; i < level_block; ++i) to[i] = std::uint8_t(std::clamp(sums[i] >> bits, 0, 255));
}

/// The same for a single level.
inline std::uint8_t resample_one(const std::uint8_t* from, std::ptrdiff_t stride,
                                 const std::int32_t* weights, int count, int bits) {
  std::int32_t sum = 1 << (bits - 1);
  for (int j = 0; j < count; ++j, from += stride) sum += weights[j] * *from;
  return std::uint8_t(std::clamp(sum >> bits, 0, 255));
}

/// to[c * to_stride + r] = from[r * from_stride + c] for r and c in [0, 16): four rounds that
/// interleave the upper with the lower half of the rows.
inline void transpose_16(const std::uint8_t* from, std::ptrdiff_t from_stride, std::uint8_t* to,
                         std::ptrdiff_t to_stride) {
  using Row = std::uint8_t __attribute__((vector_size(16)));
  Row rows[16], mixed[16];
  for (int i = 0; i < 16; ++i) std::memcpy(&rows[i], from + i * from_stride, 16);
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 8; ++i) {
      mixed[2 * i] = __builtin_shufflevector(rows[i], rows[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4,
                                             20, 5, 21, 6, 22, 7, 23);
      mixed[2 * i + 1] = __builtin_shufflevector(rows[i], rows[i + 8], 8, 24, 9, 25, 10, 26, 11, 27,
                                                 12, 28, 13, 29, 14, 30, 15, 31);
    }
    std::copy_n(mixed, 16, rows);
  }
  for (int i = 0; i < 16; ++i) std::memcpy(to + i * to_stride, &rows[i], 16);
}

/// to[c * to_stride + r] = from[r * from_stride + c] for r below rows and c below columns.
inline void transpose_levels(const std::uint8_t* from, std::ptrdiff_t from_stride,
                             std::int64_t rows, std::int64_t columns, std::uint8_t* to,
                             std::ptrdiff_t to_stride) {
  for (std::int64_t r = 0; r < rows; r += 16)
    for (std::int64_t c = 0; c < columns; c += 16) {
      const std::uint8_t* tile = from + r * from_stride + c;
      std::uint8_t* turned = to + c * to_stride + r;
      if (r + 16 <= rows && c + 16 <= columns) {
        transpose_16(tile, from_stride, turned, to_stride);
        continue;
      }
      for (std::int64_t i = 0; i < std::min<std::int64_t>(rows - r, 16); ++i)
        for (std::int64_t j = 0; j < std::min<std::int64_t>(columns - c, 16); ++j)
          turned[j * to_stride + i] = tile[i * from_stride + j];
    }
}

}  // namespace VISPLAY_ISA

/// Cubic convolution (Keys), a = -0.5.
VISPLAY_INLINE double cubic_kernel(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

}  // namespace detail

VISPLAY_INLINE ResampleAxis bicubic_axis(std::int64_t in, std::int64_t out,
                                         std::int64_t weight_limit) {
  const double scale = double(in) / double(out), stretch = std::max(scale, 1.0);
  const double support = 2 * stretch, inverse = 1 / stretch;
  ResampleAxis axis;
  axis.in = in;
  axis.taps = int(std::ceil(support)) * 2 + 1;
  std::vector<double> weights(std::size_t(out) * std::size_t(axis.taps));
  for (std::int64_t i = 0; i < out; ++i) {
    const double center = (double(i) + 0.5) * scale;
    const auto low = std::max<std::int64_t>(0, std::int64_t(center - support + 0.5));
    const auto high = std::min<std::int64_t>(in, std::int64_t(center + support + 0.5));
    axis.first.push_back(int(low));
    axis.count.push_back(int(high - low));
    double* row = weights.data() + i * axis.taps;
    double sum = 0;
    for (std::int64_t j = 0; j < high - low; ++j)
      sum += row[j] = detail::cubic_kernel((double(j + low) - center + 0.5) * inverse);
    for (std::int64_t j = 0; j < high - low; ++j) row[j] /= sum;
  }
  const double largest = *std::ranges::max_element(weights);
  const auto rounded = [&](int bits) { return std::trunc(0.5 + largest * double(1 << bits)); };
  while (axis.bits < 22 && rounded(axis.bits + 1) < double(weight_limit)) ++axis.bits;
  axis.weights.reserve(weights.size());
  for (const double weight : weights)
    axis.weights.push_back(
        std::int32_t((weight < 0 ? -0.5 : 0.5) + weight * double(1 << axis.bits)));
  return axis;
}

VISPLAY_INLINE std::vector<std::uint8_t> resample_rows(std::span<const std::uint8_t> from,
                                                       std::int64_t height,
                                                       const ResampleAxis& axis) {
  const std::int64_t block = detail::level_block, in = 3 * axis.in, out = 3 * axis.out();
  std::vector<std::uint8_t> to(std::size_t(height * out));
  std::vector<std::uint8_t> columns(std::size_t(in * block)), results(std::size_t(out * block));
  for (std::int64_t y = 0; y < height; y += block) {
    const std::int64_t rows = std::min(block, height - y);
    detail::transpose_levels(from.data() + y * in, in, rows, in, columns.data(), block);
    for (std::int64_t i = 0; i < out; ++i) {
      const std::int64_t x = i / 3, channel = i % 3;
      detail::resample_block(columns.data() + (3 * axis.first[x] + channel) * block, 3 * block,
                             &axis.weights[x * axis.taps], axis.count[x], axis.bits,
                             results.data() + i * block);
    }
    detail::transpose_levels(results.data(), block, out, rows, to.data() + y * out, out);
  }
  return to;
}

VISPLAY_INLINE std::vector<std::uint8_t> resample_columns(std::span<const std::uint8_t> from,
                                                          std::int64_t width,
                                                          const ResampleAxis& axis) {
  const std::int64_t row = 3 * width, block = detail::level_block;
  std::vector<std::uint8_t> to(std::size_t(axis.out() * row));
  for (std::int64_t y = 0; y < axis.out(); ++y) {
    const std::int32_t* weights = &axis.weights[y * axis.taps];
    const std::uint8_t* first = from.data() + axis.first[y] * row;
    std::uint8_t* out = to.data() + y * row;
    for (std::int64_t x = 0; row >= block && x < row; x += block) {
      const std::int64_t start = std::min(x, row - block);  // the last block overlaps
      detail::resample_block(first + start, row, weights, axis.count[y], axis.bits, out + start);
    }
    for (std::int64_t x = 0; row < block && x < row; ++x)
      out[x] = detail::resample_one(first + x, row, weights, axis.count[y], axis.bits);
  }
  return to;
}

}  // namespace visplay
