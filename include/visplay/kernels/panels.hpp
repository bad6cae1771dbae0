// Panels: operands of a matrix product, copied into the order in which a micro-kernel reads them.
//
// A product sums over k. Its operands are cut into units of four bytes, a float32 or a pair of
// bfloat16 with neighbouring k, and into panels of a few rows over all of k:
//
//   by step   [k][width]               what vector registers take: one k of all rows of the panel
//   by tile   [k / 16][width / 16][16 rows][16 k]    the left operand of AMX
//             [k / 16][width / 16][16 k][16 rows]    the right operand of AMX
//
// A source says where the elements are: k contiguous in memory (ByRow) or rows contiguous (ByDepth).
// Blocks of 16 x 16 units go from source to panel, turned over where the two disagree. What lies
// beyond the source is zero.
#pragma once

#include <visplay/core/bfloat16.hpp>
#include <visplay/core/pack.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace visplay {
inline namespace VISPLAY_ISA {
namespace matrix {

/// Two bfloat16 with neighbouring k, the first in the low half.
using Pair = std::uint32_t;

template <class Unit>
constexpr int elements_of = std::is_same_v<Unit, Pair> ? 2 : 1;

constexpr std::ptrdiff_t round_up(std::ptrdiff_t n, std::ptrdiff_t step) {
  return (n + step - 1) / step * step;
}

template <class Unit>
using Block = Unit[16][16];

#if defined(__AVX2__) && !defined(__AVX512F__)
struct Eight {
  __m256i row[8];
};
/// Rows and columns swapped of the 8 x 8 units at [row][column].
template <class Unit>
inline Eight turned_eight(const Block<Unit>& block, int row, int column) {
  __m256i r[8], t[8];
  for (int i = 0; i < 8; ++i)
    r[i] = _mm256_load_si256(reinterpret_cast<const __m256i*>(&block[row + i][column]));
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm256_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm256_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm256_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm256_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  Eight e;
  for (int i = 0; i < 4; ++i) {
    e.row[i] = _mm256_permute2x128_si256(r[i], r[i + 4], 0x20);
    e.row[i + 4] = _mm256_permute2x128_si256(r[i], r[i + 4], 0x31);
  }
  return e;
}
#endif

/// Swaps rows and columns.
template <class Unit>
inline void turn(Block<Unit>& block) {
#if defined(__AVX512F__)
  __m512i r[16], t[16];
  for (int i = 0; i < 16; ++i) r[i] = _mm512_load_si512(block[i]);
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
  }
  for (int i = 0; i < 8; ++i) {
    _mm512_store_si512(block[i], _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88));
    _mm512_store_si512(block[i + 8], _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd));
  }
#elif defined(__AVX2__)
  for (int i = 0; i < 16; i += 8)
    for (int j = 0; j <= i; j += 8) {
      Eight a = turned_eight(block, i, j), b = turned_eight(block, j, i);
      for (int k = 0; k < 8; ++k) {
        _mm256_store_si256(reinterpret_cast<__m256i*>(&block[j + k][i]), a.row[k]);
        _mm256_store_si256(reinterpret_cast<__m256i*>(&block[i + k][j]), b.row[k]);
      }
    }
#else
  for (int i = 0; i < 16; ++i)
    for (int j = 0; j < i; ++j) std::swap(block[i][j], block[j][i]);
#endif
}

/// Element (row, k) is data[row * stride + k].
template <class T>
struct ByRow {
  static constexpr bool by_row = true;  // a block comes as [row][k]
  const T* data = nullptr;
  std::ptrdiff_t stride = 0, rows = 0, depth = 0;

  template <class Unit>
  void fill(Block<Unit>& block, std::ptrdiff_t row, std::ptrdiff_t unit) const {
    const std::ptrdiff_t k = unit * elements_of<Unit>;
    const auto there = std::ptrdiff_t(std::clamp<std::ptrdiff_t>(rows - row, 0, 16));
    const auto wide = std::clamp<std::ptrdiff_t>(depth - k, 0, 16 * elements_of<Unit>);
    const bool whole = there == 16 && wide == 16 * elements_of<Unit>;
    if (!whole) std::memset(block, 0, sizeof block);
    for (std::ptrdiff_t r = 0; r < there; ++r) {
      const T* from = data + (row + r) * stride + k;
      if constexpr (sizeof(T) * elements_of<Unit> == sizeof(Unit)) {
        if (whole)
          std::memcpy(block[r], from, sizeof block[r]);
        else
          std::memcpy(block[r], from, std::size_t(wide) * sizeof(T));
      } else {
        for (std::ptrdiff_t i = 0; i < wide; ++i) block[r][i] = from[i];
      }
    }
  }
};

/// Element (row, k) is data[k * stride + row].
template <class T>
struct ByDepth {
  static constexpr bool by_row = false;  // a block comes as [k][row]
  const T* data = nullptr;
  std::ptrdiff_t stride = 0, rows = 0, depth = 0;

  template <class Unit>
  void fill(Block<Unit>& block, std::ptrdiff_t row, std::ptrdiff_t unit) const {
    const std::ptrdiff_t first = unit * elements_of<Unit>;
    const auto wide = std::clamp<std::ptrdiff_t>(rows - row, 0, 16);
    const std::ptrdiff_t last = first + 16 * elements_of<Unit>;
    if (wide < 16 || last > depth) std::memset(block, 0, sizeof block);
    for (int i = 0; i < 16; ++i) {
      const std::ptrdiff_t k = first + i * elements_of<Unit>;
      if (k >= depth) break;
      const T* from = data + k * stride + row;
      if constexpr (std::is_same_v<Unit, Pair>) {
        const T* second = k + 1 < depth ? from + stride : nullptr;
        if (wide == 16 && second)
          for (int r = 0; r < 16; ++r) block[i][r] = from[r].bits | Pair(second[r].bits) << 16;
        else
          for (int r = 0; r < wide; ++r)
            block[i][r] = from[r].bits | (second ? Pair(second[r].bits) << 16 : 0);
      } else if (wide == 16) {  // a length that the compiler knows: no loop, no call
        for (int r = 0; r < 16; ++r) block[i][r] = from[r];
      } else {
        for (int r = 0; r < wide; ++r) block[i][r] = from[r];
      }
    }
  }
};

/// [k][width]
template <int width_>
struct ByStep {
  static constexpr bool by_row = false;
  static constexpr int width = width_, unit_step = 1;

  template <class Unit>
  static void put(const Block<Unit>& block, int from, Unit* panel, std::ptrdiff_t row,
                  std::ptrdiff_t unit, std::ptrdiff_t units) {
    constexpr int part = std::min(width, 16);
    for (int k = 0; k < std::min<std::ptrdiff_t>(16, units - unit); ++k)
      std::memcpy(panel + (unit + k) * width + row, block[k] + from, part * sizeof(Unit));
  }
};

/// [k / 16][2][16][16], rows first on the left side of a product, k first on the right.
template <bool left>
struct ByTile {
  static constexpr bool by_row = left;
  static constexpr int width = 32, unit_step = 16;

  template <class Unit>
  static void put(const Block<Unit>& block, int, Unit* panel, std::ptrdiff_t row,
                  std::ptrdiff_t unit, std::ptrdiff_t) {
    std::memcpy(panel + unit * width + row * 16, block, sizeof block);
  }
};

/// Units of k in a panel of a layout.
template <class Layout, class Unit>
constexpr std::ptrdiff_t units_of(std::ptrdiff_t depth) {
  return round_up((depth + elements_of<Unit> - 1) / elements_of<Unit>, Layout::unit_step);
}

/// Rows [first, first + count) of the source as panels one after the other, each of
/// Layout::width * units_of(depth) units. `first` is a multiple of the width.
template <class Layout, class Unit, class Source>
void pack_panels(const Source& source, std::ptrdiff_t first, std::ptrdiff_t count, Unit* to) {
  constexpr int part = std::min(Layout::width, 16), rows = std::max(Layout::width, 16);
  const std::ptrdiff_t units = units_of<Layout, Unit>(source.depth);
  const std::ptrdiff_t end = round_up(count, Layout::width);
  alignas(64) Block<Unit> block;
  for (std::ptrdiff_t top = 0; top < end; top += rows)
    for (std::ptrdiff_t unit = 0; unit < units; unit += 16)
      for (std::ptrdiff_t row = top; row < top + rows; row += 16) {  // both halves of a cache line
        source.fill(block, first + row, unit);
        if (Source::by_row != Layout::by_row) turn(block);
        for (std::ptrdiff_t r = row; r < std::min(row + 16, end); r += part)
          Layout::put(block, int(r - row), to + r / Layout::width * (Layout::width * units),
                      r % Layout::width, unit, units);
      }
}

}  // namespace matrix
}  // namespace VISPLAY_ISA
}  // namespace visplay
