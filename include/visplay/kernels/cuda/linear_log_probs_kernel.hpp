// The CUDA side of kernels/linear_log_probs.hpp, less its products, forward: what is done with the logits of
// one chunk of the vocabulary, hidden . chunk^T [N, C] in float32, while they are in the second-level cache.
//
//   HeadSumsKernel        adds a chunk to the sums of each token, kept in double between chunks; keeps its
//                         logits for the backward pass
//   HeadTopKernel         merges a chunk's largest logits with those of the chunks before
//   HeadResultsKernel     log-prob, entropy, sum p^2 and log-sum from them
//   HeadTopResultsKernel  the top log-probs and ids
//
// Fixed orders of sums, no atomics. linear_log_probs_driver.hpp puts kernels and products in order.
#pragma once

#include <visplay/kernels/cuda/logits_chunk.hpp>
#include <visplay/kernels/cuda/row_sums.hpp>
#include <visplay/kernels/cuda/top_logits.hpp>

#include <cstddef>
#include <cstdint>

namespace visplay {

/// Of one token, over the chunks so far.
struct HeadState {
  log_probs_detail::RowSums sums;
  float target = 0;  ///< its logit; NaN until its chunk has come
};

/// Block b does token b.
/// @tparam keeps  writes `kept` too; an ignored token's stays as it is
template <bool keeps = false>
struct HeadSumsKernel {
  static constexpr int threads =
      64;  // merging 128 threads' sums takes as long as 16 logits of each
  LogitsChunk<const float> logits{};
  float temperature = 1;
  GlobalView<const std::int64_t> targets{};  ///< [N]
  GlobalView<HeadState> states{};            ///< [N]; the first chunk begins them
  KeptLogits<std::uint16_t> kept{};

  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    using namespace log_probs_detail;
    const auto token = std::size_t(block.index());
    const std::int64_t target = block.read(targets, token);
    if (target < 0) return;
    const std::size_t begin = token * logits.stride;
    const float factor = factor_of(temperature);
    RowSums chunk = sum_row(block, logits.values, begin, begin + logits.columns, factor);
    if constexpr (keeps) keep(block, token, float(chunk.offset), factor);
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

 private:
  /// The row once more, from the first-level cache.
  template <Block B>
  VISPLAY_DEVICE void keep(B& block, std::size_t token, float offset, float factor) const {
    const std::size_t begin = token * logits.stride;
    const auto code = [&](float x) { return KeptLogit::code_of(x * factor - offset); };
    constexpr int n = vector_length<float>;
    for_each_vector(
        block, logits.values, begin, begin + logits.columns,
        [&](std::size_t i) {
          const auto x = block.template read_vector<n>(logits.values, i);
          Vector<std::uint16_t, n> codes;
          for (int k = 0; k < n; ++k) codes.at[k] = code(x.at[k]);
          block.write_vector(kept.codes, i, codes);
        },
        [&](std::size_t i) { block.write(kept.codes, i, code(block.read(logits.values, i))); });
    if (block.thread() == 0) block.write(kept.offsets, token, offset);
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
  GlobalView<const HeadState> states{};                                    ///< [N]
  GlobalView<float> log_probs{}, entropy{}, sum_squares{}, log_sum_exp{};  ///< [N]

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
    put(log_sum_exp, sums.log_sum_exp());
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

}  // namespace visplay
