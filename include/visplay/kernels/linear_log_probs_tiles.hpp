// What happens to a tile of logits in linear_log_probs: statistics of the softmax, or the gradient of
// the logits.
//
// A tile of logits is [rows of the head][tokens]: tokens lie along the lanes, so maximum and sums
// need nothing across lanes.
#pragma once

#include <visplay/kernels/largest.hpp>
#include <visplay/kernels/linear_log_probs_kept.hpp>
#include <visplay/kernels/log_probs_reference.hpp>
#include <visplay/kernels/power_of_two.hpp>
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

/// Running sums over rows of the head, of each token. With y = c logit - r, r such that the largest y so far
/// is zero (log_probs_formula.hpp):
///   sum = sum 2^y,  weighted = sum y 2^y,  squares = sum 4^y
struct TokenSums {
  float *reference, *sum, *weighted, *squares, *target;  // [tokens] each; target: its logit
  static constexpr int arrays = 5;
  static constexpr float none = -1e30f;  // for a reference: no row yet; for a target: not met

  TokenSums(float* memory, std::ptrdiff_t tokens)
      : reference(memory),
        sum(memory + tokens),
        weighted(memory + 2 * tokens),
        squares(memory + 3 * tokens),
        target(memory + 4 * tokens) {}
  void reset(std::ptrdiff_t tokens) const {
    std::fill_n(reference, tokens, none);
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
  void add(std::ptrdiff_t token, const float* column, int rows, std::ptrdiff_t step,
           std::int32_t first_row) const {
    Largest largest = of(token);
    for (int i = 0; i < rows; ++i) largest.put(column[i * step], first_row + i);
    counts[token] = std::int32_t(largest.count);
    if (largest.count == k) smallest[token] = largest.values[k - 1];
  }
};

using Lanes = Pack::Lanes;

inline Both<Lanes> load_both(const float* from) {
  return {load(from).v, load(from + Pack::lanes).v};
}
inline void store_both(float* to, const Both<Lanes>& x) {
  store(to, Pack(x.a)), store(to + Pack::lanes, Pack(x.b));
}

/// 2^y for y of at most about zero. y itself is held to where its power is above zero: the product of both
/// is a number.
inline Both<Lanes> power_of_difference(Both<Lanes>& y) {
  if constexpr (!scales_powers) y = {bounded_below(y.a), bounded_below(y.b)};
  return power_of_two(y);
}

/// Adds a tile of logits to the sums of its tokens.
template <class Tiles, class T>
class SoftmaxTile : public TileWork<SoftmaxTile<Tiles, T>> {
 public:
  using Keep = KeptTile<T, Tiles::columns, std::byte>;

  SoftmaxTile() = default;
  /// @param first_row  of the head, of this tile
  /// @param token      of the tile's first column, in the arrays of `sums` and `targets`
  SoftmaxTile(const float* tile, int rows, std::int64_t first_row, const TokenSums& sums,
              const std::int32_t* targets, std::ptrdiff_t token, float factor, const TopLogits& top,
              Keep keep)
      : TileWork<SoftmaxTile>(rows), tile_(tile), factor_(factor), keep_(keep) {
    Both<Lanes> largest = load_both(tile);
    for (int i = 1; i < rows; ++i) {
      const Both<Lanes> x = load_both(tile + i * Tiles::columns);
      largest = {larger(x.a, largest.a), larger(x.b, largest.b)};
    }
    for (int j = 0; j < 2; ++j) {
      const float* column = tile + j * Pack::lanes;
      const std::ptrdiff_t at = token + j * Pack::lanes;
      if (top.k > 0)
        add_top(top, at, column, rows, first_row, Pack(j == 0 ? largest.a : largest.b), targets);
      const Integers row = load_integers(targets + at) - std::int32_t(first_row);
      if (any((row >= 0) & (row < rows)))
        for (int i = 0; i < Pack::lanes; ++i)
          if (row[i] >= 0 && row[i] < rows)
            sums.target[at + i] = column[row[i] * Tiles::columns + i];
    }
    out_ = {sums.reference + token, sums.sum + token, sums.weighted + token, sums.squares + token};
    const Reference<Lanes> old_a{load(out_.reference).v},
        old_b{load(out_.reference + Pack::lanes).v};
    a_.value = larger(Reference<Lanes>::of(largest.a, factor).value, old_a.value);
    b_.value = larger(Reference<Lanes>::of(largest.b, factor).value, old_b.value);
    if (keep_.memory) keep_.put_offsets({a_.offset(factor), b_.offset(factor)});
    Both<Lanes> moved{old_a.above(a_, factor), old_b.above(b_, factor)};
    const Both<Lanes> by = power_of_difference(moved), sum = load_both(out_.sum);
    sum_ = by * sum;
    weighted_ = by * (load_both(out_.weighted) + moved * sum);
    squares_ = by * by * load_both(out_.squares);
  }

  void row(int row) {
    const float* logits = tile_ + row * Tiles::columns;
    const Both<Lanes> x = load_both(logits);
    Both<Lanes> y{a_.y_of(x.a, factor_), b_.y_of(x.b, factor_)};
    if (keep_.memory) keep_.put_row(row, logits, y);
    const Both<Lanes> power = power_of_difference(y);
    sum_ = sum_ + power;
    weighted_ = weighted_ + power * y;
    squares_ = squares_ + power * power;
  }
  void finish() {
    TileWork<SoftmaxTile>::finish();
    if (!tile_) return;
    store_both(out_.reference, {a_.value, b_.value});
    store_both(out_.sum, sum_);
    store_both(out_.weighted, weighted_);
    store_both(out_.squares, squares_);
    tile_ = nullptr;
  }

 private:
  struct Out {
    float *reference, *sum, *weighted, *squares;
  };

  void add_top(const TopLogits& top, std::ptrdiff_t token, const float* column, int rows,
               std::int64_t first_row, const Pack& largest, const std::int32_t* targets) const {
    const Pack smallest = load(top.smallest + token);
    for (int i = 0; i < Pack::lanes; ++i)
      if (targets[token + i] >= 0 && !(largest.v[i] < smallest.v[i]))  // equal: the id may be lower
        top.add(token + i, column + i, rows, Tiles::columns, std::int32_t(first_row));
  }

  const float* tile_ = nullptr;
  float factor_ = 1;
  Keep keep_;
  Reference<Lanes> a_, b_;
  Both<Lanes> sum_, weighted_, squares_;
  Out out_ = {};
};

/// What a token contributes to the gradient of its logits, [tokens] each: RowSlope of
/// log_probs_formula.hpp, and what the target has on top.
struct TokenGradients {
  const float *a, *b, *reference, *by_log_prob;
  const std::int32_t* targets;
};

/// Turns a tile of logits into the gradient of the objective with respect to them: 2^y (a + b y), at the
/// target by_log_prob more, for y = factor logit - reference.
template <class Tiles, class T>
class GradientTile : public TileWork<GradientTile<Tiles, T>> {
 public:
  GradientTile() = default;
  /// @param to  of the tile's first element; rows are `stride` elements apart
  GradientTile(const float* tile, int rows, std::int64_t first_row, const TokenGradients& tokens,
               std::ptrdiff_t token, float factor, T* to, std::ptrdiff_t stride)
      : TileWork<GradientTile>(rows),
        tile_(tile),
        to_(to),
        stride_(stride),
        factor_(Lanes{} + factor),
        a_(load_both(tokens.a + token)),
        b_(load_both(tokens.b + token)),
        reference_(load_both(tokens.reference + token)),
        by_log_prob_(load_both(tokens.by_log_prob + token)) {
    const auto row_of = [&](std::ptrdiff_t at) {
      return load_integers(tokens.targets + at) - std::int32_t(first_row);
    };
    target_row_ = {row_of(token), row_of(token + Pack::lanes)};
  }

  void row(int row) {
    const Both<Lanes> x = load_both(tile_ + row * Tiles::columns);
    Both<Lanes> y = {multiply_add(x.a, factor_, -reference_.a),
                     multiply_add(x.b, factor_, -reference_.b)};
    const Both<Lanes> power = power_of_difference(y);
    const Lanes none{};
    const Both<Lanes> chosen = {target_row_.a == row ? by_log_prob_.a : none,
                                target_row_.b == row ? by_log_prob_.b : none};
    const Both<Lanes> g = chosen + power * (a_ + b_ * y);
    store_two(to_ + row * stride_, Pack(g.a), Pack(g.b));
  }

 private:
  const float* tile_ = nullptr;
  T* to_ = nullptr;
  std::ptrdiff_t stride_ = 0;
  Lanes factor_{};
  Both<Lanes> a_, b_, reference_, by_log_prob_;
  Both<Integers> target_row_;
};

}  // namespace matrix
}  // namespace VISPLAY_ISA
}  // namespace visplay
