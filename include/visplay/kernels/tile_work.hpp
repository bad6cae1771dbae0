// Work on a finished tile of a product: storing and adding. Each kind is done row by row, so that AMX
// can multiply the next tile meanwhile: advance() does a share of the rows, finish() the rest.
#pragma once

#include <visplay/kernels/tiles.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace visplay {
inline namespace VISPLAY_ISA {
namespace matrix {

using Words = std::uint32_t __attribute__((vector_size(VISPLAY_REGISTER_BYTES)));
using Halves = std::uint16_t __attribute__((vector_size(VISPLAY_REGISTER_BYTES / 2)));

/// Two packs, rounded to the nearest even.
template <class T>
inline void store_two(T* to, const Pack& a, const Pack& b) {
  store(to, a);
  store(to + Pack::lanes, b);
}

inline Halves rounded(const Pack& x) {
  const auto bits = std::bit_cast<Words>(x.v);
  const Words even = bits + 0x7fff + ((bits >> 16) & 1);
  return __builtin_convertvector((x.v == x.v ? even : bits | 0x400000) >> 16, Halves);
}

inline void store_two(BFloat16* to, const Pack& a, const Pack& b) {
#if defined(__AVX512BF16__)
  _mm512_storeu_si512(to, (__m512i)_mm512_cvtne2ps_pbh(b.v, a.v));
#else
  const Halves low = rounded(a), high = rounded(b);
  std::memcpy(static_cast<void*>(to), &low, sizeof low);
  std::memcpy(static_cast<void*>(to + Pack::lanes), &high, sizeof high);
#endif
}

/// As store_two, of the first n elements.
template <class T>
void store_first_of_two(T* to, const Pack& a, const Pack& b, std::ptrdiff_t n) {
  T both[2 * Pack::lanes];
  store_two(both, a, b);
  std::memcpy(to, both, std::size_t(n) * sizeof(T));
}

/// As store_two, past the caches where the processor can and the place is aligned: for results that
/// are larger than the caches and not read soon.
template <class T>
void stream_two(T* to, const Pack& a, const Pack& b) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 2) {
    if (reinterpret_cast<std::uintptr_t>(to) % 64 == 0) {
      alignas(64) T both[32];
      store_two(both, a, b);
      _mm512_stream_si512(reinterpret_cast<__m512i*>(to), _mm512_load_si512(both));
      return;
    }
  }
#endif
  store_two(to, a, b);
}

/// Work on a tile that Self does row by row: Self::row(i) is called once for each of them.
template <class Self>
class TileWork {
 public:
  /// After so many steps of all of the next product: the share of the rows that is due.
  void advance(int step, int steps) {
    while (next_ < rows_ && next_ * steps < rows_ * (step + 1)) self().row(next_++);
  }
  /// The rows that are left.
  void finish() {
    while (next_ < rows_) self().row(next_++);
  }

 protected:
  TileWork() = default;
  explicit TileWork(int rows) : rows_(rows) {}

 private:
  Self& self() { return static_cast<Self&>(*this); }
  int next_ = 0, rows_ = 0;
};

/// Adds a tile to another.
template <class Tiles>
class AddTile : public TileWork<AddTile<Tiles>> {
 public:
  AddTile() = default;
  AddTile(const float* tile, int rows, float* to) : TileWork<AddTile>(rows), tile_(tile), to_(to) {}
  void row(int row) {
    for (int i = row * Tiles::columns; i < (row + 1) * Tiles::columns; i += Pack::lanes)
      store(to_ + i, load(to_ + i) + load(tile_ + i));
  }

 private:
  const float* tile_ = nullptr;
  float* to_ = nullptr;
};

/// Stores the first `columns` columns of a tile's rows in a matrix.
template <class Tiles, class T>
class StoreTile : public TileWork<StoreTile<Tiles, T>> {
 public:
  StoreTile() = default;
  StoreTile(const float* tile, int rows, std::ptrdiff_t columns, T* to, std::ptrdiff_t stride)
      : TileWork<StoreTile>(rows), tile_(tile), to_(to), stride_(stride), columns_(columns) {}
  void row(int row) {
    const float* from = tile_ + row * Tiles::columns;
    const Pack a = load(from), b = load(from + Pack::lanes);
    T* to = to_ + row * stride_;
    if (columns_ >= Tiles::columns)
      stream_two(to, a, b);
    else
      store_first_of_two(to, a, b, columns_);
  }

 private:
  const float* tile_ = nullptr;
  T* to_ = nullptr;
  std::ptrdiff_t stride_ = 0, columns_ = 0;
};

}  // namespace matrix
}  // namespace VISPLAY_ISA
}  // namespace visplay
