// What happens to one tile of a product in linear_log_probs: statistics of the softmax, the gradient
// of the logits, storing and adding. Each is done row by row, so that AMX can work on the next tile
// meanwhile: advance() does a share of the rows, finish() the rest.
//
// A tile of logits is [rows of the head][tokens]: tokens lie along the lanes, so maximum and sums
// need nothing across lanes.
#pragma once

#include <visplay/kernels/tiles.hpp>

#include <limits>

namespace visplay {
inline namespace VISPLAY_ISA {
namespace matrix {

using Integers = PackIntegers;
using Words = std::uint32_t __attribute__((vector_size(VISPLAY_REGISTER_BYTES)));
using Halves = std::uint16_t __attribute__((vector_size(VISPLAY_REGISTER_BYTES / 2)));

inline Integers load(const std::int32_t* from) {
  Integers p;
  std::memcpy(&p, from, sizeof p);
  return p;
}

inline bool any(const Integers& mask) {
#if defined(__AVX512F__)
  return _mm512_test_epi32_mask((__m512i)mask, (__m512i)mask) != 0;
#else
  std::int32_t found = 0;
  for (int i = 0; i < Pack::lanes; ++i) found |= mask[i];
  return found != 0;
#endif
}

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

/// The rows of a tile, dealt out over the steps of the next product.
class TileRows {
 public:
  TileRows() = default;
  explicit TileRows(int rows) : rows_(rows) {}
  /// Whether a row is due after so many steps of all; *row is which.
  bool due(int step, int steps, int* row) {
    if (next_ >= rows_ || next_ * steps >= rows_ * (step + 1)) return false;
    *row = next_++;
    return true;
  }
  bool left(int* row) {
    if (next_ >= rows_) return false;
    *row = next_++;
    return true;
  }

 private:
  int next_ = 0, rows_ = 0;
};

/// Running sums over rows of the head, of each token. With s the largest logit so far:
///   sum = sum e^(z - s),  weighted = sum e^(z - s) (z - s),  squares = sum e^(2 (z - s))
struct TokenSums {
  float *shift, *sum, *weighted, *squares, *target;  // [tokens] each; target: its logit
  static constexpr int arrays = 5;
  static constexpr float none = -1e30f;  // for a shift: no row yet; for a target: not met

  TokenSums(float* memory, std::ptrdiff_t tokens)
      : shift(memory),
        sum(memory + tokens),
        weighted(memory + 2 * tokens),
        squares(memory + 3 * tokens),
        target(memory + 4 * tokens) {}
  void reset(std::ptrdiff_t tokens) const {
    std::fill_n(shift, tokens, none);
    std::fill_n(sum, 3 * tokens, 0.f);
    std::fill_n(target, tokens, none);
  }
};

/// Adds a tile of logits to the sums of its tokens.
template <class Tiles>
class SoftmaxTile {
 public:
  SoftmaxTile() = default;
  /// @param first_row  of the head, of this tile
  /// @param token      of the tile's first column, in the arrays of `sums` and `targets`
  SoftmaxTile(const float* tile, int rows, std::int64_t first_row, const TokenSums& sums,
              const std::int32_t* targets, std::ptrdiff_t token, float scale)
      : rows_(rows), tile_(tile), scale_(scale) {
    for (int j = 0; j < 2; ++j) {
      const std::ptrdiff_t at = token + j * Pack::lanes;
      const float* column = tile + j * Pack::lanes;
      Pack largest = visplay::load(column);
      for (int i = 1; i < rows; ++i) {
        const Pack z = visplay::load(column + i * Tiles::columns);
        largest = select(largest < z, z, largest);
      }
      const Pack old = visplay::load(sums.shift + at);
      largest = largest * Pack(scale);
      shift_[j] = select(old < largest, largest, old);
      const Pack moved = shift_[j] - old, factor = exp(-moved);
      const Pack sum = visplay::load(sums.sum + at);
      sum_[j] = factor * sum;
      weighted_[j] = factor * (visplay::load(sums.weighted + at) - moved * sum);
      squares_[j] = factor * factor * visplay::load(sums.squares + at);
      const Integers row = load(targets + at) - std::int32_t(first_row);
      if (any((row >= 0) & (row < rows)))
        for (int i = 0; i < Pack::lanes; ++i)
          if (row[i] >= 0 && row[i] < rows)
            sums.target[at + i] = scale * column[row[i] * Tiles::columns + i];
      out_[j] = {sums.shift + at, sums.sum + at, sums.weighted + at, sums.squares + at};
    }
  }

  void advance(int step, int steps) {
    for (int row; rows_.due(step, steps, &row);) add(row);
  }
  void finish() {
    for (int row; rows_.left(&row);) add(row);
    if (!tile_) return;
    for (int j = 0; j < 2; ++j) {
      store(out_[j].shift, shift_[j]);
      store(out_[j].sum, sum_[j]);
      store(out_[j].weighted, weighted_[j]);
      store(out_[j].squares, squares_[j]);
    }
    tile_ = nullptr;
  }

 private:
  struct Out {
    float *shift, *sum, *weighted, *squares;
  };

  void add(int row) {
    const float* at = tile_ + row * Tiles::columns;
    for (int j = 0; j < 2; ++j) {
      const Pack z = visplay::load(at + j * Pack::lanes) * Pack(scale_) - shift_[j], e = exp(z);
      sum_[j] = sum_[j] + e;
      weighted_[j] = weighted_[j] + e * z;
      squares_[j] = squares_[j] + e * e;
    }
  }

  TileRows rows_;
  const float* tile_ = nullptr;
  float scale_ = 1;
  Pack shift_[2], sum_[2], weighted_[2], squares_[2];
  Out out_[2] = {};
};

/// What a token contributes to the gradient of its logits; [tokens] each.
struct TokenGradients {
  const float *log_sum, *entropy, *by_log_prob, *by_entropy;
  const std::int32_t* targets;
};

/// Turns a tile of logits into the gradient of the objective with respect to them:
/// a (1[row = target] - p) - b p (log p + entropy).
template <class Tiles, class T>
class GradientTile {
 public:
  GradientTile() = default;
  /// @param to  of the tile's first element; rows are `stride` elements apart
  GradientTile(const float* tile, int rows, std::int64_t first_row, const TokenGradients& tokens,
               std::ptrdiff_t token, float scale, T* to, std::ptrdiff_t stride)
      : rows_(rows), tile_(tile), to_(to), stride_(stride), scale_(scale) {
    for (int j = 0; j < 2; ++j) {
      const std::ptrdiff_t at = token + j * Pack::lanes;
      log_sum_[j] = visplay::load(tokens.log_sum + at);
      entropy_[j] = visplay::load(tokens.entropy + at);
      by_log_prob_[j] = visplay::load(tokens.by_log_prob + at);
      by_entropy_[j] = visplay::load(tokens.by_entropy + at);
      target_row_[j] = load(tokens.targets + at) - std::int32_t(first_row);
    }
  }

  void advance(int step, int steps) {
    for (int row; rows_.due(step, steps, &row);) turn_row(row);
  }
  void finish() {
    for (int row; rows_.left(&row);) turn_row(row);
  }

 private:
  void turn_row(int row) {
    const float* at = tile_ + row * Tiles::columns;
    Pack g[2];
    for (int j = 0; j < 2; ++j) {
      const Pack log_p = visplay::load(at + j * Pack::lanes) * Pack(scale_) - log_sum_[j];
      const Pack p = exp(log_p);
      const Pack chosen = select(target_row_[j] == row, by_log_prob_[j], Pack(0.f));
      g[j] = chosen - p * (by_log_prob_[j] + by_entropy_[j] * (log_p + entropy_[j]));
    }
    store_two(to_ + row * stride_, g[0], g[1]);
  }

  TileRows rows_;
  const float* tile_ = nullptr;
  T* to_ = nullptr;
  std::ptrdiff_t stride_ = 0;
  float scale_ = 1;
  Pack log_sum_[2], entropy_[2], by_log_prob_[2], by_entropy_[2];
  Integers target_row_[2] = {};
};

/// Adds a tile to another.
template <class Tiles>
class AddTile {
 public:
  AddTile() = default;
  AddTile(const float* tile, float* to) : rows_(Tiles::rows), tile_(tile), to_(to) {}
  void advance(int step, int steps) {
    for (int row; rows_.due(step, steps, &row);) add(row);
  }
  void finish() {
    for (int row; rows_.left(&row);) add(row);
  }

 private:
  void add(int row) {
    for (int i = row * Tiles::columns; i < (row + 1) * Tiles::columns; i += Pack::lanes)
      store(to_ + i, visplay::load(to_ + i) + visplay::load(tile_ + i));
  }
  TileRows rows_;
  const float* tile_ = nullptr;
  float* to_ = nullptr;
};

/// Stores the first `columns` columns of a tile's rows in a matrix.
template <class Tiles, class T>
class StoreTile {
 public:
  StoreTile() = default;
  StoreTile(const float* tile, int rows, std::ptrdiff_t columns, T* to, std::ptrdiff_t stride)
      : rows_(rows), tile_(tile), to_(to), stride_(stride), columns_(columns) {}
  void advance(int step, int steps) {
    for (int row; rows_.due(step, steps, &row);) put(row);
  }
  void finish() {
    for (int row; rows_.left(&row);) put(row);
  }

 private:
  void put(int row) {
    const float* from = tile_ + row * Tiles::columns;
    const Pack a = visplay::load(from), b = visplay::load(from + Pack::lanes);
    T* to = to_ + row * stride_;
    if (columns_ >= Tiles::columns)
      stream_two(to, a, b);
    else
      store_first_of_two(to, a, b, columns_);
  }
  TileRows rows_;
  const float* tile_ = nullptr;
  T* to_ = nullptr;
  std::ptrdiff_t stride_ = 0, columns_ = 0;
};

}  // namespace matrix
}  // namespace VISPLAY_ISA
}  // namespace visplay
