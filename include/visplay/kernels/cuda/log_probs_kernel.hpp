// The CUDA side of kernels/log_probs.hpp: a block a row, forward and in-place backward. Logits are
// read once, 16 bytes at a time; each thread keeps sums of its own in float, which merge in double.
// The same to the bit for one number of threads.
#pragma once

#include <visplay/core/bfloat16.hpp>
#include <visplay/core/float16.hpp>
#include <visplay/kernels/cuda/row_sums.hpp>
#include <visplay/kernels/cuda/top_logits.hpp>

#include <cstddef>
#include <cstdint>

namespace visplay {

/// As LogitsView and LogProbOutputs; views of count 0 are not wanted. A negative target: the row is
/// ignored; one that is not below the vocabulary: its log-prob is NaN.
/// @tparam has_top  whether there is a top_k; it takes registers
template <class Number, bool has_top = false>
struct LogProbsKernel {
  static constexpr int threads = 512;

  GlobalView<const Number> logits{};  ///< [N, stride]
  std::size_t vocabulary = 0, stride = 0;
  GlobalView<const std::int64_t> targets{};  ///< [N]
  float temperature = 1;
  GlobalView<float> log_probs{}, entropy{}, log_sum_exp{}, sum_of_squares{};  ///< [N]
  std::size_t top_k = 0;
  GlobalView<float> top_log_probs{};   ///< [N, top_k]
  GlobalView<std::int32_t> top_ids{};  ///< [N, top_k]

  /// Block b does row b.
  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    using namespace log_probs_detail;
    const auto row = std::size_t(block.index());
    const std::int64_t target = block.read(targets, row);
    const auto put = [&](const GlobalView<float>& to, double x) {
      if (to.count > 0) block.write(to, row, float(x));
    };
    if (target < 0) {
      if (block.thread() > 0) return;
      put(log_probs, 0), put(entropy, 0), put(log_sum_exp, 0), put(sum_of_squares, 0);
      if constexpr (has_top)
        for (std::size_t i = 0; i < top_k; ++i) put_top(block, i, 0, -1);
      return;
    }
    const float factor = factor_of(temperature);
    const std::size_t begin = row * stride;
    const RowSums sums = sum_row(block, logits, begin, begin + vocabulary, factor);
    const float x = std::size_t(target) < vocabulary
                        ? float(block.read(logits, begin + std::size_t(target)))
                        : nothing;
    double log_sum = 0;
    if (block.thread() == 0) {  // logarithms in double
      log_sum = sums.log_sum_exp();
      put(log_probs, sums.log_prob(x, factor)), put(entropy, sums.entropy());
      put(log_sum_exp, log_sum), put(sum_of_squares, sums.sum_of_squares());
    }
    if constexpr (has_top) {
      TopLogits<Number, B> top(block, logits, begin, begin + vocabulary, 0);
      for (std::size_t i = 0; i < top_k; ++i) {
        if (i > 0) top.take();
        const TopKey key = top.largest();
        if (block.thread() == 0) {
          const double logit = ln2 * double(factor) * double(logit_of(key));
          put_top(block, i, float(logit - log_sum), id_of(key));
        }
      }
    }
  }

 private:
  template <Block B>
  VISPLAY_DEVICE void put_top(B& block, std::size_t i, float log_prob, std::int32_t id) const {
    const std::size_t at = std::size_t(block.index()) * top_k + i;
    block.write(top_log_probs, at, log_prob), block.write(top_ids, at, id);
  }
};

/// Overwrites rows of logits, padding included, by their gradients.
template <class Number>
struct LogProbsBackwardKernel {
  static constexpr int threads = 512;

  GlobalView<Number> logits{};  ///< [N, stride]
  std::size_t vocabulary = 0, stride = 0;
  GlobalView<const std::int64_t> targets{};  ///< [N], below the vocabulary or negative
  float temperature = 1;
  GlobalView<const float> entropy{}, log_sum_exp{};  ///< [N]; entropy: with its gradients
  GlobalView<const float> log_prob_gradients{}, entropy_gradients{};  ///< [N]; no entropy's: zero

  /// Block b does row b.
  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    using namespace log_probs_detail;
    const auto row = std::size_t(block.index()), begin = row * stride;
    const std::int64_t given = block.read(targets, row);
    const std::size_t target = given < 0 ? stride : std::size_t(given);
    float g = 0, h = 0, entropy_here = 0, lse = 0, log_p = 0;
    if (target < vocabulary) {
      g = block.read(log_prob_gradients, row), lse = block.read(log_sum_exp, row);
      if (entropy_gradients.count > 0)
        h = block.read(entropy_gradients, row), entropy_here = block.read(entropy, row);
      log_p = float(block.read(logits, begin + target)) / temperature - lse;
    }
    block.sync();  // the target's logit is read before its owner overwrites it
    const RowSlope slope =
        slope_of(double(g), double(h), double(lse), double(entropy_here), double(temperature));
    const float factor = factor_of(temperature);
    const float at_target = slope_at_target(g, h, log_p, entropy_here, temperature);
    const std::size_t kept = given < 0 ? 0 : vocabulary;
    const auto all = [&](float x) { return Number(slope_at(slope, x * factor - slope.reference)); };
    const auto gradient = [&](std::size_t column, float x) {
      return column == target ? Number(at_target) : column < kept ? all(x) : Number(0.f);
    };
    constexpr int n = vector_length<Number>;
    for_each_vector(
        block, logits, begin, begin + stride,
        [&](std::size_t i) {
          auto x = block.template read_vector<n>(logits, i);
          const std::size_t column = i - begin;
          if (column + std::size_t(n) <= kept && target - column >= std::size_t(n))
            for (int k = 0; k < n; ++k) x.at[k] = all(float(x.at[k]));
          else  // the target, padding, or an ignored row
            for (int k = 0; k < n; ++k) x.at[k] = gradient(column + std::size_t(k), float(x.at[k]));
          block.write_vector(logits, i, x);
        },
        [&](std::size_t i) {
          block.write(logits, i, gradient(i - begin, float(block.read(logits, i))));
        });
  }
};

}  // namespace visplay
