// The CUDA side of kernels/linear_log_probs.hpp, less its products: what is done with the logits of one
// chunk of the vocabulary, hidden . chunk^T [N, C] in float32, while they are in the second-level cache.
//
//   HeadSumsKernel        adds a chunk to the sums of each token, kept in double between chunks
//   HeadTopKernel         merges a chunk's largest logits with those of the chunks before
//   HeadResultsKernel     log-prob, entropy, sum p^2 and log-sum from them
//   HeadTopResultsKernel  the top log-probs and ids
//   HeadRowsKernel        what the gradient of each token needs: two coefficients and a reference
//   HeadScaleKernel       for float16: scales them so that slopes use the range of the type
//   HeadSlopesKernel      a chunk's d(objective)/d(logit), rounded once to the type of the products
//
// Fixed orders of sums, no atomics. linear_log_probs_driver.hpp puts kernels and products in order.
#pragma once

#include <visplay/core/bfloat16.hpp>
#include <visplay/kernels/cuda/product_factor.hpp>
#include <visplay/kernels/cuda/row_sums.hpp>
#include <visplay/kernels/cuda/top_logits.hpp>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace visplay {

/// The logits of a chunk: rows [first, first + columns) of the head.
template <class Number>
struct LogitsChunk {
  GlobalView<Number> values{};  ///< [N, stride]; rows begin at whole vectors
  std::size_t stride = 0, first = 0, columns = 0;
};

/// Of one token, over the chunks so far.
struct HeadState {
  log_probs_detail::RowSums sums;
  float target = 0;  ///< its logit; NaN until its chunk has come
};

/// Block b does token b.
struct HeadSumsKernel {
  static constexpr int threads = 128;
  LogitsChunk<const float> logits{};
  float temperature = 1;
  GlobalView<const std::int64_t> targets{};  ///< [N]
  GlobalView<HeadState> states{};            ///< [N]; the first chunk begins them

  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    using namespace log_probs_detail;
    const auto token = std::size_t(block.index());
    const std::int64_t target = block.read(targets, token);
    if (target < 0) return;
    const std::size_t begin = token * logits.stride;
    const float factor = factor_of(temperature);
    RowSums chunk = sum_row(block, logits.values, begin, begin + logits.columns, factor);
    if (block.thread() != 0) return;
    HeadState state;
    if (logits.first == 0) {
      state.sums = chunk;
      state.target = nothing;
    } else {
      state = block.read(states, token);
      chunk.offset > state.sums.offset ? state.sums.refer_to(chunk.offset)
                                       : chunk.refer_to(state.sums.offset);
      state.sums.add(chunk.sum, chunk.weighted, chunk.squares);
    }
    const std::size_t column = std::size_t(target) - logits.first;  // huge if before the chunk
    if (column < logits.columns) state.target = block.read(logits.values, begin + column);
    block.write(states, token, state);
  }
};

/// Block b does token b: the top k of the chunks so far, in order.
struct HeadTopKernel {
  static constexpr int threads = 128;
  LogitsChunk<const float> logits{};
  GlobalView<const std::int64_t> targets{};  ///< [N]
  std::size_t top_k = 0;
  GlobalView<const TopKey> before{};  ///< [N, top_k], not read at the first chunk
  GlobalView<TopKey> after{};         ///< [N, top_k]

  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    const auto token = std::size_t(block.index());
    if (block.read(targets, token) < 0) return;
    const std::size_t begin = token * logits.stride;
    TopLogits<float, B> chunk(block, logits.values, begin, begin + logits.columns, logits.first);
    std::size_t from_before = token * top_k;
    for (std::size_t i = 0; i < top_k; ++i) {
      const TopKey other = logits.first > 0 ? block.read(before, from_before) : 0;
      const TopKey here = chunk.largest();
      if (block.thread() == 0) block.write(after, token * top_k + i, Larger{}(here, other));
      if (here <= other)
        ++from_before;
      else if (i + 1 < top_k)
        chunk.take();
    }
  }
};

/// A thread a token. Views of count 0 are not wanted; ignored tokens get zeros, the log-prob of a
/// target that no chunk had is NaN.
struct HeadResultsKernel {
  static constexpr int threads = 128;
  GlobalView<const std::int64_t> targets{};  ///< [N]
  float temperature = 1;
  GlobalView<const HeadState> states{};                                 ///< [N]
  GlobalView<float> log_probs{}, entropy{}, sum_squares{}, log_sums{};  ///< [N]

  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    const auto token =
        std::size_t(block.index()) * std::size_t(block.threads()) + std::size_t(block.thread());
    if (token >= targets.count) return;
    const bool ignored = block.read(targets, token) < 0;
    HeadState state;
    if (!ignored) state = block.read(states, token);
    const auto put = [&](const GlobalView<float>& to, double x) {
      if (to.count > 0) block.write(to, token, ignored ? 0.f : float(x));
    };
    const log_probs_detail::RowSums& sums = state.sums;
    put(log_probs, sums.log_prob(state.target, log_probs_detail::factor_of(temperature)));
    put(entropy, sums.entropy());
    put(sum_squares, sums.sum_of_squares());
    put(log_sums, sums.log_sum_exp());
  }
};

/// A thread a token and place among its top k; ignored tokens get zeros and ids of -1.
struct HeadTopResultsKernel {
  static constexpr int threads = 128;
  GlobalView<const std::int64_t> targets{};  ///< [N]
  float temperature = 1;
  std::size_t top_k = 0;
  GlobalView<const HeadState> states{};  ///< [N]
  GlobalView<const TopKey> keys{};       ///< [N, top_k]
  GlobalView<float> log_probs{};         ///< [N, top_k]
  GlobalView<std::int32_t> ids{};        ///< [N, top_k]

  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    const auto at =
        std::size_t(block.index()) * std::size_t(block.threads()) + std::size_t(block.thread());
    if (at >= keys.count) return;
    const std::size_t token = at / top_k;
    float log_prob = 0;
    std::int32_t id = -1;
    if (block.read(targets, token) >= 0) {
      const TopKey key = block.read(keys, at);
      const float factor = log_probs_detail::factor_of(temperature);
      log_prob = float(block.read(states, token).sums.log_prob(logit_of(key), factor));
      id = id_of(key);
    }
    block.write(log_probs, at, log_prob), block.write(ids, at, id);
  }
};

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
  GlobalView<const float> log_sums{}, entropy{};        ///< [N]; entropy: if it has coefficients
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
      row.slope = log_probs_detail::slope_of(a, b, double(block.read(log_sums, token)), h, t);
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

/// Block b does token b; the slopes of an ignored one are zero, whatever its logits.
/// @tparam Number  of the slopes; where it is float they may overwrite the logits
template <class Number>
struct HeadSlopesKernel {
  static constexpr int threads = 128;
  LogitsChunk<const float> logits{};
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
    const float factor = log_probs_detail::factor_of(temperature);
    const auto slope = [&](std::size_t i, float x) {
      if (given < 0) return Number(0.f);
      const float by_all = log_probs_detail::slope_at(row.slope, x * factor);
      return Number(i == target ? by_all + row.at_target : by_all);
    };
    constexpr int n = vector_length<Number>;
    for_each_vector(
        block, slopes, begin, begin + logits.columns,
        [&](std::size_t i) {
          Vector<Number, n> some;
          for (int part = 0; part < n; part += 4) {
            const std::size_t at = i + std::size_t(part);
            const auto x = block.template read_vector<4>(logits.values, at);
            for (int k = 0; k < 4; ++k) some.at[part + k] = slope(at + std::size_t(k), x.at[k]);
          }
          block.write_vector(slopes, i, some);
        },
        [&](std::size_t i) { block.write(slopes, i, slope(i, block.read(logits.values, i))); });
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
