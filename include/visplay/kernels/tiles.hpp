// Tiles: the innermost matrix product, one panel of the left operand times one of the right.
//
//   c[i][j] = sum_k left(i, k) right(j, k),  i < rows, j < columns
//
// `columns` is two packs (or two tiles of AMX), so that what follows a product works on whole
// registers. c is [rows][columns] float32; with AMX its rows may lie `c_step` floats apart. Sums over k are kept short: every 64 or 128 units a fresh
// accumulator starts and the last is added to c, and AMX sums 32 products before it adds, so that
// rounding grows with the square root of a few dozen additions instead of thousands.
//
// Where `overlaps` is false a product may be done in parts of `depth` units, so that such a part of the
// right panel stays in the first-level cache while many left panels pass (Strips in product_parts.hpp):
// the bits are the same.
//
//   FloatTiles    float32 units, any processor: fused multiply-adds where it has them
//   PairTiles     pairs of bfloat16, AVX512-BF16 (vdpbf16ps)
//   AmxTiles      pairs of bfloat16, AMX: 2 x 2 tiles in registers, the other four take operands.
//                 `between(step, steps)` is called after each of the steps over k: the vector units
//                 are idle meanwhile, and other work hides there.
#pragma once

#include <visplay/kernels/lanes.hpp>
#include <visplay/kernels/panels.hpp>

namespace visplay {
inline namespace VISPLAY_ISA {
namespace matrix {

/// Of a right panel, in the first-level cache beside what passes it.
constexpr std::ptrdiff_t part_bytes = 1 << 14;

/// Two operands of many products: else g++ reads them from memory once more for each, and then loads are
/// the limit.
inline void stay_in_registers([[maybe_unused]] Pack& a, [[maybe_unused]] Pack& b) {
#if defined(__AVX__)
  asm("" : "+v"(a.v), "+v"(b.v));
#elif defined(__SSE2__)
  asm("" : "+x"(a.v), "+x"(b.v));
#endif
}

// Without overlap, multiply() is a function of its own: whatever it would be inlined into takes registers
// from its sums. It steps pointers: loads at base + index made the loop a quarter slower (Zen 3).
struct FloatTiles {
  using Unit = float;
  static constexpr int rows = Pack::lanes == 16 ? 8 : 4, columns = 2 * Pack::lanes;
  static constexpr bool overlaps = false;
  static constexpr std::ptrdiff_t chunk = 64, depth = part_bytes / (4 * columns);
  using Left = ByStep<rows>;
  using Right = ByStep<columns>;

  struct Session {};

  /// @param adds  whether to add to what c holds
  /// @param next  what comes after `left` and is fetched meanwhile: as much as `left`
  [[gnu::noinline]] static void multiply(const float* left, const float* right,
                                         std::ptrdiff_t units, float* c, bool adds,
                                         const float* next) {
    for (std::ptrdiff_t begin = 0; begin == 0 || begin < units; begin += chunk) {
      Pack sum[rows][2];
      const float* const end = left + std::min(units - begin, chunk) * rows;
      for (; left != end; left += rows, right += columns, next += rows) {
        Pack b0 = load(right), b1 = load(right + Pack::lanes);
        stay_in_registers(b0, b1);
        __builtin_prefetch(next);
        for (int i = 0; i < rows; ++i) {
          const Pack a(left[i]);
          sum[i][0].v += a.v * b0.v;
          sum[i][1].v += a.v * b1.v;
        }
      }
      for (int i = 0; i < rows; ++i)
        for (int j = 0; j < 2; ++j) {
          float* to = c + i * columns + j * Pack::lanes;
          store(to, begin == 0 && !adds ? sum[i][j] : load(to) + sum[i][j]);
        }
    }
  }
};

#if defined(__AVX512BF16__)
struct PairTiles {
  using Unit = Pair;
  static constexpr int rows = 8, columns = 32;
  static constexpr bool overlaps = false;
  static constexpr std::ptrdiff_t chunk = 128, depth = part_bytes / (4 * columns);
  using Left = ByStep<rows>;
  using Right = ByStep<columns>;

  struct Session {};

  [[gnu::noinline]] static void multiply(const Pair* left, const Pair* right, std::ptrdiff_t units,
                                         float* c, bool adds, const Pair* next) {
    for (std::ptrdiff_t begin = 0; begin == 0 || begin < units; begin += chunk) {
      __m512 sum[rows][2];
      for (auto& row : sum) row[0] = row[1] = _mm512_setzero_ps();
      const Pair* const end = left + std::min(units - begin, chunk) * rows;
      for (; left != end; left += rows, right += columns, next += rows) {
        const auto b0 = (__m512bh)_mm512_load_si512(right);
        const auto b1 = (__m512bh)_mm512_load_si512(right + 16);
        __builtin_prefetch(next);
        for (int i = 0; i < rows; ++i) {
          const auto a = (__m512bh)_mm512_set1_epi32(int(left[i]));
          sum[i][0] = _mm512_dpbf16_ps(sum[i][0], a, b0);
          sum[i][1] = _mm512_dpbf16_ps(sum[i][1], a, b1);
        }
      }
      for (int i = 0; i < rows; ++i)
        for (int j = 0; j < 2; ++j) {
          float* to = c + i * columns + j * 16;
          _mm512_store_ps(to, begin == 0 && !adds ? sum[i][j] : _mm512_load_ps(to) + sum[i][j]);
        }
    }
  }
};
#endif

#if defined(__AMX_BF16__)
struct AmxTiles {
  using Unit = Pair;
  static constexpr int rows = 32, columns = 32;
  static constexpr bool overlaps = true;
  using Left = ByTile<true>;
  using Right = ByTile<false>;

  /// The tile registers of a thread, eight of 16 rows of 64 bytes, while it lives.
  struct Session {
    Session() {
      struct alignas(64) {
        std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
        std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
        std::uint8_t row_count[16] = {16, 16, 16, 16, 16, 16, 16, 16};
      } configuration;
      asm volatile("" : : "r"(&configuration) : "memory");  // g++ reads 8 of the 64 bytes only
      _tile_loadconfig(&configuration);
    }
    ~Session() { _tile_release(); }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
  };

  // The fences: g++'s tile intrinsics do not say that they read and write memory. Loads that do not
  // ask for a place in the first-level cache: each line is used once before others have pushed it out
  // (1.92 instead of 1.63 TFLOP/s with both operands in the second-level cache, of 2.25).
  template <class Between>
  static inline void multiply(const Pair* left, const Pair* right, std::ptrdiff_t units, float* c,
                              Between&& between, std::ptrdiff_t c_step = columns) {
    asm volatile("" ::: "memory");
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    const int steps = int(units / 16);
    for (int step = 0; step < steps; ++step, left += 512, right += 512) {
      _tile_stream_loadd(4, left, 64);
      _tile_stream_loadd(6, right, 64);
      _tile_dpbf16ps(0, 4, 6);
      _tile_stream_loadd(7, right + 256, 64);
      _tile_dpbf16ps(1, 4, 7);
      _tile_stream_loadd(5, left + 256, 64);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
      between(step, steps);
    }
    _tile_stored(0, c, 4 * c_step);
    _tile_stored(1, c + 16, 4 * c_step);
    _tile_stored(2, c + 16 * c_step, 4 * c_step);
    _tile_stored(3, c + 16 * c_step + 16, 4 * c_step);
    asm volatile("" ::: "memory");
  }
};
#endif

}  // namespace matrix
}  // namespace VISPLAY_ISA
}  // namespace visplay
