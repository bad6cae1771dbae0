// Sums over a row of logits by a block of threads (formulas: kernels/log_probs_formula.hpp), and the
// slope of a row at one logit: what the kernels over given logits and those of the fused head share.
#pragma once

#include <visplay/kernels/cuda/arithmetic.hpp>
#include <visplay/kernels/cuda/block.hpp>
#include <visplay/kernels/log_probs_formula.hpp>

#include <cmath>
#include <cstddef>
#include <limits>

namespace visplay::log_probs_detail {

constexpr float nothing = std::numeric_limits<float>::quiet_NaN();
constexpr float lowest_logit = -std::numeric_limits<float>::max();  // as -infinity: masked

/// A row's sums in float, of one thread. Until a logit counts the reference is the lowest; sums by it are
/// scaled by zero in the end, which keeps a NaN.
struct ThreadSums {
  float reference = lowest_logit, sum = 0, weighted = 0, squares = 0;

  /// Adds logits by an online maximum: what is there is scaled when a larger one comes. Masked logits
  /// count nothing, NaN makes all sums NaN.
  template <int n>
  VISPLAY_DEVICE void add(const float (&x)[n], float factor) {
    float largest = x[0];
    for (int k = 1; k < n; ++k) largest = fmaxf(largest, x[k]);
    if (largest > reference) {
      const float by = bounded_power((reference - largest) * factor), down = power_of_two(by);
      weighted = down * (weighted + by * sum);
      sum *= down, squares *= down * down;
      reference = largest;
    }
    for (int k = 0; k < n; ++k) {
      const float y = bounded_power((x[k] - reference) * factor), power = power_of_two(y);
      sum += power, weighted += power * y, squares += power * power;
    }
  }
};

struct SumsInDouble {
  double sum = 0, weighted = 0, squares = 0;
};
struct AddSums {
  VISPLAY_DEVICE SumsInDouble operator()(const SumsInDouble& a, const SumsInDouble& b) const {
    return {a.sum + b.sum, a.weighted + b.weighted, a.squares + b.squares};
  }
};

/// Of all threads, by the largest of their references.
template <Block B>
VISPLAY_DEVICE RowSums merge_sums(B& block, const ThreadSums& mine, float factor) {
  const float reference = block_reduce<0>(block, mine.reference, Larger{});
  const float by = bounded_power((mine.reference - reference) * factor);
  const double scale = mine.reference > lowest_logit ? double(power_of_two(by)) : 0;
  SumsInDouble sums{scale * double(mine.sum),
                    scale * (double(mine.weighted) + double(by) * double(mine.sum)),
                    scale * scale * double(mine.squares)};
  sums = block_reduce<1>(block, sums, AddSums{});
  return {double(reference) * double(factor), sums.sum, sums.weighted, sums.squares};
}

/// Sums of elements [begin, end), which the threads share; the same for each of them.
template <class Number, Block B>
VISPLAY_DEVICE RowSums sum_row(B& block, const GlobalView<const Number>& logits, std::size_t begin,
                               std::size_t end, float factor) {
  constexpr int n = vector_length<Number>;
  ThreadSums mine;
  for_each_vector(
      block, logits, begin, end,
      [&](std::size_t i) {
        const auto some = block.template read_vector<n>(logits, i);
        float x[n];
        for (int k = 0; k < n; ++k) x[k] = float(some.at[k]);
        mine.add(x, factor);
      },
      [&](std::size_t i) {
        const float x[1] = {float(block.read(logits, i))};
        mine.add(x, factor);
      });
  return merge_sums(block, mine, factor);
}

/// 2^y (a + b y). @param y  log2 p
VISPLAY_DEVICE inline float slope_at(const RowSlope& slope, float y) {
  y = bounded_power(y);
  return power_of_two(y) * (slope.a + slope.b * y);
}

}  // namespace visplay::log_probs_detail
