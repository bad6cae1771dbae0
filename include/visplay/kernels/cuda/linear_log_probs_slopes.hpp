// The CUDA side of kernels/linear_log_probs.hpp, less its products, backward.
//
//   HeadRowsKernel    what the gradient of each token needs: two coefficients and a reference
//   HeadScaleKernel   for float16: scales them so that slopes use the range of the type
//   HeadSlopesKernel  a chunk's d(objective)/d(logit), rounded once to the type of the products
//   RoundKernel       a sum in float32, rounded to the gradient's type
//
// Fixed orders of sums, no atomics. linear_log_probs_driver.hpp puts kernels and products in order.
#pragma once

#include <visplay/core/bfloat16.hpp>
#include <visplay/kernels/cuda/logits_chunk.hpp>
#include <visplay/kernels/cuda/product_factor.hpp>
#include <visplay/kernels/cuda/row_sums.hpp>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace visplay {

/// What the gradient of a token's logits needs. Nothing reads an ignored token's.
struct HeadRow {
  log_probs_detail::RowSlope slope;
  float at_target = 0;  ///< what the target has on top
};

/// A thread a token.
struct HeadRowsKernel {
  static constexpr int threads = 128;
  GlobalView<const std::int64_t> targets{};  ///< [N]
  float temperature = 1;
  GlobalView<const float> log_sum_exp{}, entropy{};     ///< [N]; entropy: if it has coefficients
  GlobalView<const float> by_log_prob{}, by_entropy{};  ///< [N], or none: zero
  GlobalView<HeadRow> rows{};                           ///< [N]

  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    const auto token =
        std::size_t(block.index()) * std::size_t(block.threads()) + std::size_t(block.thread());
    if (token >= targets.count) return;
    HeadRow row;
    if (block.read(targets, token) >= 0) {
      const double t = double(temperature);
      double a = 0, b = 0, h = 0;
      if (by_log_prob.count > 0) a = double(block.read(by_log_prob, token));
      if (by_entropy.count > 0)
        b = double(block.read(by_entropy, token)), h = double(block.read(entropy, token));
      row.slope = log_probs_detail::slope_of(a, b, double(block.read(log_sum_exp, token)), h, t);
      row.at_target = float(a / t);
    }
    block.write(rows, token, row);
  }
};

/// One block: multiplies what slopes are made of by a power of two that puts a bound of the largest in
/// [2^14, 2^15), and keeps its inverse for the products. float16 ends at 2^16 and 2^-24.
struct HeadScaleKernel {
  static constexpr int threads = 256;
  GlobalView<const std::int64_t> targets{};   ///< [N]
  GlobalView<HeadRow> rows{};                 ///< [N]
  GlobalView<cuda::ProductFactor> inverse{};  ///< [1]

  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    const auto each = [&](const auto& use) {
      for (auto t = std::size_t(block.thread()); t < rows.count; t += std::size_t(block.threads()))
        if (block.read(targets, t) >= 0) use(t, block.read(rows, t));
    };
    float mine = 0;
    each([&](std::size_t, const HeadRow& row) {
      // Of 2^y (a + b y) + at_target, where |y 2^y| is at most 1 / (e ln 2) for y <= 0.
      const float bound =
          std::abs(row.slope.a) + 0.531f * std::abs(row.slope.b) + std::abs(row.at_target);
      mine = Larger{}(mine, bound);
    });
    const float most = block_reduce<0>(block, mine, Larger{});
    constexpr int bias = 127, wanted = 14, reach = 100;
    int up = wanted + bias - (std::bit_cast<std::int32_t>(most) >> 23);
    up = up > reach ? reach : up < -reach ? -reach : up;
    const auto power = [](int exponent) { return std::bit_cast<float>((bias + exponent) << 23); };
    each([&](std::size_t t, HeadRow row) {
      row.slope.a *= power(up), row.slope.b *= power(up), row.at_target *= power(up);
      block.write(rows, t, row);
    });
    if (block.thread() == 0) block.write(inverse, 0, cuda::ProductFactor{power(-up)});
  }
};

/// Block b does token b; an ignored one's logits are not read, its slopes are zero.
/// @tparam Number  of the slopes; where it is float they may overwrite the logits
/// @tparam Chunk   what there is of logits
template <class Number, class Chunk = LogitsChunk<const float>>
struct HeadSlopesKernel {
  static constexpr int threads = 128;
  Chunk logits{};
  float temperature = 1;
  GlobalView<const std::int64_t> targets{};  ///< [N]
  GlobalView<const HeadRow> rows{};          ///< [N]
  GlobalView<Number> slopes{};               ///< [N, stride]

  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    const auto token = std::size_t(block.index()), begin = token * logits.stride;
    const HeadRow row = block.read(rows, token);
    const std::int64_t given = block.read(targets, token);
    // Outside of this row's part of the chunk if the target is in another.
    const std::size_t target = begin + std::size_t(given) - logits.first;
    const auto log_probs = logits.log_probs(block, token, log_probs_detail::factor_of(temperature),
                                            row.slope.reference);
    constexpr int n = vector_length<Number>, step = decltype(log_probs)::vector;
    static_assert(n % step == 0);
    const auto slopes_from = [&](std::size_t i, auto has_target) {
      Vector<Number, n> some{};
      for (int part = 0; part < n; part += step) {
        float y[step];
        log_probs.read(block, i + std::size_t(part), y);
        for (int k = 0; k < step; ++k) {
          float slope = log_probs_detail::slope_at(row.slope, y[k]);
          if (has_target && i + std::size_t(part + k) == target) slope += row.at_target;
          some.at[part + k] = Number(slope);
        }
      }
      block.write_vector(slopes, i, some);
    };
    for_each_vector(
        block, slopes, begin, begin + logits.columns,
        [&](std::size_t i) {
          if (given < 0)
            block.write_vector(slopes, i, Vector<Number, n>{});
          else if (target - i < std::size_t(n))
            slopes_from(i, std::true_type{});
          else
            slopes_from(i, std::false_type{});
        },
        [&](std::size_t i) {
          float slope = 0;
          if (given >= 0) slope = log_probs_detail::slope_at(row.slope, log_probs.read(block, i));
          block.write(slopes, i, Number(i == target && given >= 0 ? slope + row.at_target : slope));
        });
  }
};

/// Block b rounds row b of a matrix of float32.
template <class Number>
struct RoundKernel {
  static constexpr int threads = 128;
  GlobalView<const float> from{};  ///< [rows, columns]
  GlobalView<Number> to{};         ///< [rows, stride]
  std::size_t columns = 0, stride = 0;

  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    const auto row = std::size_t(block.index());
    for (auto j = std::size_t(block.thread()); j < columns; j += std::size_t(block.threads()))
      block.write(to, row * stride + j, Number(block.read(from, row * columns + j)));
  }
};

}  // namespace visplay
