// What happens to a tile of logits in linear_log_probs: statistics of the softmax, or the gradient of
// the logits.
//
// A tile of logits is [rows of the head][tokens]: tokens lie along the lanes, so maximum and sums
// need nothing across lanes.
#pragma once

#include <visplay/kernels/largest.hpp>
#include <visplay/kernels/tile_work.hpp>

#include <limits>

namespace visplay {
inline namespace VISPLAY_ISA {
namespace matrix {

using Integers = PackIntegers;
inline Integers load_integers(const std::int32_t* from) {
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

/// The k largest logits of each token that one area (a thread at a time) has met.
struct TopLogits {
  std::size_t k = 0;                               // 0: not wanted
  float *values = nullptr, *smallest = nullptr;    // [tokens, k]; [tokens]: of a full list
  std::int32_t *ids = nullptr, *counts = nullptr;  // [tokens, k], [tokens]

  void reset(std::ptrdiff_t tokens) const {
    std::fill_n(smallest, tokens, -std::numeric_limits<float>::infinity());
    std::fill_n(counts, tokens, 0);
  }
  /// The lists of tokens from `token` on.
  [[nodiscard]] TopLogits from(std::ptrdiff_t token) const {
    return {k, values + token * std::ptrdiff_t(k), smallest + token,
            ids + token * std::ptrdiff_t(k), counts + token};
  }
  [[nodiscard]] Largest of(std::ptrdiff_t token) const {
    return {values + token * std::ptrdiff_t(k), ids + token * std::ptrdiff_t(k), k,
            std::size_t(counts[token])};
  }
  /// Rows [first_row, first_row + rows) of the head; their logits of the token lie `step` apart.
  void add(std::ptrdiff_t token, const float* column, int rows, std::ptrdiff_t step, float scale,
           std::int32_t first_row) const {
    Largest largest = of(token);
    for (int i = 0; i < rows; ++i) largest.put(scale * column[i * step], first_row + i);
    counts[token] = std::int32_t(largest.count);
    if (largest.count == k) smallest[token] = largest.values[k - 1];
  }
};

/// Adds a tile of logits to the sums of its tokens.
template <class Tiles>
class SoftmaxTile : public TileWork<SoftmaxTile<Tiles>> {
 public:
  SoftmaxTile() = default;
  /// @param first_row  of the head, of this tile
  /// @param token      of the tile's first column, in the arrays of `sums` and `targets`
  SoftmaxTile(const float* tile, int rows, std::int64_t first_row, const TokenSums& sums,
              const std::int32_t* targets, std::ptrdiff_t token, float scale, const TopLogits& top)
      : TileWork<SoftmaxTile>(rows), tile_(tile), scale_(scale) {
    for (int j = 0; j < 2; ++j) {
      const std::ptrdiff_t at = token + j * Pack::lanes;
      const float* column = tile + j * Pack::lanes;
      Pack largest = load(column);
      for (int i = 1; i < rows; ++i) {
        const Pack z = load(column + i * Tiles::columns);
        largest = select(largest < z, z, largest);
      }
      const Pack old = load(sums.shift + at);
      largest = largest * Pack(scale);
      if (top.k > 0) add_top(top, at, column, rows, first_row, largest, targets);
      shift_[j] = select(old < largest, largest, old);
      const Pack moved = shift_[j] - old, factor = exp(-moved);
      const Pack sum = load(sums.sum + at);
      sum_[j] = factor * sum;
      weighted_[j] = factor * (load(sums.weighted + at) - moved * sum);
      squares_[j] = factor * factor * load(sums.squares + at);
      const Integers row = load_integers(targets + at) - std::int32_t(first_row);
      if (any((row >= 0) & (row < rows)))
        for (int i = 0; i < Pack::lanes; ++i)
          if (row[i] >= 0 && row[i] < rows)
            sums.target[at + i] = scale * column[row[i] * Tiles::columns + i];
      out_[j] = {sums.shift + at, sums.sum + at, sums.weighted + at, sums.squares + at};
    }
  }

  void row(int row) {
    const float* at = tile_ + row * Tiles::columns;
    for (int j = 0; j < 2; ++j) {
      const Pack z = load(at + j * Pack::lanes) * Pack(scale_) - shift_[j], e = exp(z);
      sum_[j] = sum_[j] + e;
      weighted_[j] = weighted_[j] + e * z;
      squares_[j] = squares_[j] + e * e;
    }
  }
  void finish() {
    TileWork<SoftmaxTile>::finish();
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

  void add_top(const TopLogits& top, std::ptrdiff_t token, const float* column, int rows,
               std::int64_t first_row, const Pack& largest, const std::int32_t* targets) const {
    const Pack smallest = load(top.smallest + token);
    for (int i = 0; i < Pack::lanes; ++i)
      if (targets[token + i] >= 0 && !(largest.v[i] < smallest.v[i]))  // equal: the id may be lower
        top.add(token + i, column + i, rows, Tiles::columns, scale_, std::int32_t(first_row));
  }

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
class GradientTile : public TileWork<GradientTile<Tiles, T>> {
 public:
  GradientTile() = default;
  /// @param to  of the tile's first element; rows are `stride` elements apart
  GradientTile(const float* tile, int rows, std::int64_t first_row, const TokenGradients& tokens,
               std::ptrdiff_t token, float scale, T* to, std::ptrdiff_t stride)
      : TileWork<GradientTile>(rows), tile_(tile), to_(to), stride_(stride), scale_(scale) {
    for (int j = 0; j < 2; ++j) {
      const std::ptrdiff_t at = token + j * Pack::lanes;
      log_sum_[j] = load(tokens.log_sum + at);
      entropy_[j] = load(tokens.entropy + at);
      by_log_prob_[j] = load(tokens.by_log_prob + at);
      by_entropy_[j] = load(tokens.by_entropy + at);
      target_row_[j] = load_integers(tokens.targets + at) - std::int32_t(first_row);
    }
  }

  void row(int row) {
    const float* at = tile_ + row * Tiles::columns;
    Pack g[2];
    for (int j = 0; j < 2; ++j) {
      const Pack log_p = load(at + j * Pack::lanes) * Pack(scale_) - log_sum_[j];
      const Pack p = exp(log_p);
      const Pack chosen = select(target_row_[j] == row, by_log_prob_[j], Pack(0.f));
      g[j] = chosen - p * (by_log_prob_[j] + by_entropy_[j] * (log_p + entropy_[j]));
    }
    store_two(to_ + row * stride_, g[0], g[1]);
  }

 private:
  const float* tile_ = nullptr;
  T* to_ = nullptr;
  std::ptrdiff_t stride_ = 0;
  float scale_ = 1;
  Pack log_sum_[2], entropy_[2], by_log_prob_[2], by_entropy_[2];
  Integers target_row_[2] = {};
};

}  // namespace matrix
}  // namespace VISPLAY_ISA
}  // namespace visplay
