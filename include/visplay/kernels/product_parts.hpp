// What matrix products are made of beside tiles: working memory, packing, prefetching, the choice
// of the tiles.
#pragma once

#include <visplay/core/float16.hpp>
#include <visplay/core/simd_level.hpp>
#include <visplay/kernels/float_matrix.hpp>
#include <visplay/kernels/panels.hpp>
#include <visplay/kernels/tiles.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

namespace visplay {
inline namespace VISPLAY_ISA {
namespace matrix {

/// Hands out consecutive parts of the working memory, each on a cache line of its own. Without
/// memory it only counts.
class Parts {
 public:
  explicit Parts(std::byte* memory) : memory_(memory) {}
  template <class T>
  T* take(std::ptrdiff_t count) {
    std::byte* at = memory_ ? memory_ + used_ : nullptr;
    used_ += (std::size_t(count) * sizeof(T) + 127) / 128 * 128;
    return reinterpret_cast<T*>(at);
  }
  [[nodiscard]] std::size_t used() const { return used_; }

 private:
  std::byte* memory_;
  std::size_t used_ = 0;
};

/// One working area for each thread that is inside a task.
class Areas {
 public:
  explicit Areas(int count)
      : count_(count), taken_(std::make_unique<std::atomic<bool>[]>(std::size_t(count))) {}
  /// Holds an area while it lives.
  class Hold {
   public:
    explicit Hold(Areas& areas) : areas_(areas) {
      while (areas_.taken_[index_].exchange(true)) index_ = (index_ + 1) % areas_.count_;
    }
    ~Hold() { areas_.taken_[index_] = false; }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    [[nodiscard]] int index() const { return index_; }

   private:
    Areas& areas_;
    int index_ = 0;
  };

 private:
  int count_;
  std::unique_ptr<std::atomic<bool>[]> taken_;
};

/// Packs rows [row, row + Tiles::rows) of the head as a left operand. The tiles of AMX keep rows
/// together, so whole rows are read one after the other, as memory likes it.
template <class Tiles, class T>
void pack_rows(const ByRow<T>& head, std::ptrdiff_t row, typename Tiles::Unit* to) {
  constexpr bool in_lines = Tiles::overlaps && sizeof(T) == 2;
  if (!in_lines || row + Tiles::rows > head.rows || head.depth % 32 != 0)
    return pack_panels<typename Tiles::Left>(head, row, Tiles::rows, to);
  const std::ptrdiff_t lines = head.depth / 32;
  for (int r = 0; r < Tiles::rows; ++r) {
    const T* from = head.data + (row + r) * head.stride;
    for (std::ptrdiff_t line = 0; line < lines; ++line) {
      __builtin_prefetch(from + line * 32 + 2 * head.stride, 0, 2);
      std::memcpy(to + line * 512 + r * 16, from + line * 32, 64);
    }
  }
}

/// Asks for a stretch of memory, a share at each of so many calls.
class Prefetch {
 public:
  Prefetch(const void* from, std::ptrdiff_t bytes, std::ptrdiff_t calls)
      : from_(static_cast<const char*>(from)), lines_(bytes / 64), calls_(calls) {}
  void advance() {
    for (credit_ += lines_; credit_ >= calls_; credit_ -= calls_, from_ += 64)
      __builtin_prefetch(from_, 0, 2);
  }

 private:
  const char* from_;
  std::ptrdiff_t lines_, calls_, credit_ = 0;
};

/// Rows of the tile that work is done on: one tile of AMX, or several others one below the other, so
/// that what is done once for a tile costs little.
constexpr int work_rows = 32;

/// Products one after the other, of tiles that overlap with other work: that on each tile is done while
/// the next one is multiplied.
template <class Tiles, class Work>
class Overlapped {
  using Unit = typename Tiles::Unit;
  static_assert(Tiles::rows == work_rows);
  static constexpr std::ptrdiff_t tile_size = Tiles::rows * Tiles::columns;

 public:
  static constexpr std::ptrdiff_t floats = 2 * tile_size;  // of working memory

  explicit Overlapped(float* memory) : tile_(memory), other_(memory + tile_size) {}
  ~Overlapped() { work_.finish(); }
  Overlapped(const Overlapped&) = delete;
  Overlapped& operator=(const Overlapped&) = delete;

  /// `make(tile)` gives the work on the product; `between()` is called at each step over k.
  template <class Make, class Between>
  void multiply(const Unit* left, const Unit* right, std::ptrdiff_t units, const Make& make,
                const Between& between) {
    Tiles::multiply(left, right, units, tile_, [&](int step, int steps) {
      work_.advance(step, steps);
      between();
    });
    work_.finish();
    work_ = make(tile_);
    std::swap(tile_, other_);
  }

 private:
  float *tile_, *other_;
  Work work_;
};

/// Products of many left panels with one right panel after another. `make(tile, row)` gives the work on
/// the product with rows [row, row + work_rows) of the left operand, or as many as its panels have.
template <class Tiles, class Work, bool overlaps = Tiles::overlaps>
class Strips {
  using Unit = typename Tiles::Unit;

 public:
  /// Floats of working memory for strips of at most so many rows of left panels.
  static constexpr std::ptrdiff_t floats(std::ptrdiff_t) { return Overlapped<Tiles, Work>::floats; }

  explicit Strips(float* memory) : products_(memory) {}

  /// `between()` is called at each step over k.
  template <class Make, class Between>
  void multiply(const Unit* left, int panels, const Unit* right, std::ptrdiff_t units,
                const Make& make, const Between& between) {
    for (int panel = 0; panel < panels; ++panel)
      products_.multiply(
          left + panel * Tiles::rows * units, right, units,
          [&](const float* tile) { return make(tile, panel * work_rows); }, between);
  }

 private:
  Overlapped<Tiles, Work> products_;
};

/// Where nothing overlaps, a part of the right panel stays in the first-level cache while all left panels
/// pass, and the work comes at the end.
template <class Tiles, class Work>
class Strips<Tiles, Work, false> {
  using Unit = typename Tiles::Unit;
  static_assert(work_rows % Tiles::rows == 0);

 public:
  static constexpr std::ptrdiff_t floats(std::ptrdiff_t rows) {
    return round_up(rows, Tiles::rows) * Tiles::columns;
  }

  explicit Strips(float* memory) : tiles_(memory) {}

  template <class Make, class Between>
  void multiply(const Unit* left, int panels, const Unit* right, std::ptrdiff_t units,
                const Make& make, const Between&) {
    for (std::ptrdiff_t k = 0; k == 0 || k < units; k += Tiles::depth) {
      const std::ptrdiff_t wide = std::min(units - k, Tiles::depth);
      for (int panel = 0; panel < panels; ++panel) {
        const Unit* part = left + (panel * units + k) * Tiles::rows;
        const Unit* next = part + (panel + 1 < panels ? units * Tiles::rows : 0);
        Tiles::multiply(part, right + k * Tiles::columns, wide,
                        tiles_ + panel * Tiles::rows * Tiles::columns, k > 0, next);
      }
    }
    for (int row = 0; row < panels * Tiles::rows; row += work_rows)
      make(tiles_ + row * Tiles::columns, row).finish();
  }

 private:
  float* tiles_;
};

/// All products of panels of the left and the right operand. `make(tile, row, column)` as in Strips; a
/// tile has Tiles::columns columns.
/// @param memory  of Strips, for all rows of the left operand
template <class Tiles, class Work, class Make>
void multiply_panels(const typename Tiles::Unit* left, int left_panels,
                     const typename Tiles::Unit* right, int right_panels, std::ptrdiff_t units,
                     float* memory, const Make& make) {
  Strips<Tiles, Work> strips(memory);
  for (int column = 0; column < right_panels; ++column)
    strips.multiply(
        left, left_panels, right + column * Tiles::columns * units, units,
        [&](const float* tile, int row) { return make(tile, row, column * Tiles::columns); },
        [] {});
}

/// of.operator()<Tiles, T>() for numbers of that type with the best tiles that this unit is compiled
/// for; AMX only at its level, since the tile registers are the kernel's to grant (best_simd_level()
/// has asked for them).
template <class Of>
auto with_best_tiles(FloatType type, [[maybe_unused]] SimdLevel level, const Of& of) {
  if (type == FloatType::float32) return of.template operator()<FloatTiles, float>();
  if (type == FloatType::float16) return of.template operator()<FloatTiles, Float16>();
#if defined(__AMX_BF16__)
  if (level == SimdLevel::amx) return of.template operator()<AmxTiles, BFloat16>();
#endif
#if defined(__AVX512BF16__)
  return of.template operator()<PairTiles, BFloat16>();
#else
  return of.template operator()<FloatTiles, BFloat16>();
#endif
}

template <class T>
ByRow<T> rows_of(const FloatMatrix& m) {
  return {static_cast<const T*>(m.data), m.stride, m.rows, m.columns};
}
/// The matrix as an operand that is summed over rows [first, first + depth).
template <class T>
ByDepth<T> depth_of(const FloatMatrix& m, std::ptrdiff_t first, std::ptrdiff_t depth) {
  return {static_cast<const T*>(m.data) + first * m.stride, m.stride, m.columns, depth};
}

}  // namespace matrix
}  // namespace VISPLAY_ISA
}  // namespace visplay
