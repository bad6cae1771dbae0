// The CUDA side of kernels/log_probs.hpp: a block a row, forward and in-place backward. Logits are
// read once; each thread keeps sums of its own in float, which merge in double. The same to the bit
// for one number of threads. What vectorised loads would gain is not built yet.
#pragma once

#include <visplay/core/bfloat16.hpp>
#include <visplay/kernels/cuda/block.hpp>
#include <visplay/kernels/log_probs_formula.hpp>

#include <cstddef>
#include <cstdint>

namespace visplay {

/// As LogitsView and LogProbOutputs; views of count 0 are not wanted. Targets are below the
/// vocabulary, or negative: ignored.
template <class Number>
struct LogProbArguments {
  GlobalView<Number> logits{};  ///< [N, stride]
  std::size_t vocabulary = 0, stride = 0;
  GlobalView<const std::int64_t> targets{};  ///< [N]
  float temperature = 1;
  GlobalView<float> log_probs{}, entropy{}, log_sum_exp{}, sum_of_squares{};  ///< [N]
  GlobalView<const float> log_prob_gradients{}, entropy_gradients{};          ///< [N], backward
};

namespace log_probs_detail {

/// A row's sums in float, of one thread.
struct ThreadSums {
  float reference = 0, sum = 0, weighted = 0, squares = 0;
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
  constexpr float lowest = -3.0e38f;
  const float own = mine.sum > 0 ? mine.reference : lowest;
  const float reference = block_reduce<0>(block, own, Larger{});
  SumsInDouble sums;
  if (mine.sum > 0) {
    const float by = (own - reference) * factor;
    const auto scale = double(exp2f(by));
    sums = {scale * double(mine.sum),
            scale * (double(mine.weighted) + double(by) * double(mine.sum)),
            scale * scale * double(mine.squares)};
  }
  sums = block_reduce<1>(block, sums, AddSums{});
  return {double(reference) * double(factor), sums.sum, sums.weighted, sums.squares};
}

/// Adds a logit by an online maximum: what is there is scaled when a larger one comes.
VISPLAY_DEVICE inline void add_logit(ThreadSums& sums, float x, float factor) {
  if (!(x > -3.0e38f)) return;  // masked
  if (sums.sum == 0) sums.reference = x;
  if (x > sums.reference) {
    const float by = (sums.reference - x) * factor, down = exp2f(by);
    sums.weighted = down * (sums.weighted + by * sums.sum);
    sums.sum *= down, sums.squares *= down * down;
    sums.reference = x;
  }
  const float y = (x - sums.reference) * factor, power = exp2f(y);
  sums.sum += power, sums.weighted += power * y, sums.squares += power * power;
}

}  // namespace log_probs_detail

/// Block b does row b.
template <class Number, Block B>
VISPLAY_DEVICE void log_probs_kernel(B& block, const LogProbArguments<Number>& a) {
  using namespace log_probs_detail;
  const auto row = std::size_t(block.index());
  const std::int64_t target = block.read(a.targets, row);
  const auto put = [&](const GlobalView<float>& to, double x) {
    if (block.thread() == 0 && to.count > 0) block.write(to, row, float(x));
  };
  if (target < 0) {
    put(a.log_probs, 0), put(a.entropy, 0), put(a.log_sum_exp, 0), put(a.sum_of_squares, 0);
    return;
  }
  const float factor = factor_of(a.temperature);
  ThreadSums mine;
  for (auto j = std::size_t(block.thread()); j < a.vocabulary; j += std::size_t(block.threads()))
    add_logit(mine, float(block.read(a.logits, row * a.stride + j)), factor);
  const RowSums sums = merge_sums(block, mine, factor);
  const float x = float(block.read(a.logits, row * a.stride + std::size_t(target)));
  put(a.log_probs, sums.log_prob(x, factor));
  put(a.entropy, sums.entropy());
  put(a.log_sum_exp, sums.log_sum_exp());
  put(a.sum_of_squares, sums.sum_of_squares());
}

/// Overwrites row b by its gradient; needs log_sum_exp and, with entropy gradients, entropy.
template <class Number, Block B>
VISPLAY_DEVICE void log_probs_backward_kernel(B& block, const LogProbArguments<Number>& a) {
  using namespace log_probs_detail;
  const auto row = std::size_t(block.index());
  const std::int64_t target = block.read(a.targets, row);
  const bool has_entropy = a.entropy_gradients.count > 0;
  float g = 0, h = 0, entropy = 0, lse = 0, log_p = 0;
  if (target >= 0) {
    g = block.read(a.log_prob_gradients, row), lse = block.read(a.log_sum_exp, row);
    if (has_entropy) h = block.read(a.entropy_gradients, row), entropy = block.read(a.entropy, row);
    log_p = float(block.read(a.logits, row * a.stride + std::size_t(target))) / a.temperature - lse;
  }
  block.sync();  // the target's logit is read before its owner overwrites it
  const RowSlope slope =
      slope_of(double(g), double(h), double(lse), double(entropy), double(a.temperature));
  const float factor = factor_of(a.temperature), p = expf(log_p);
  for (auto j = std::size_t(block.thread()); j < a.stride; j += std::size_t(block.threads())) {
    float gradient = 0;
    if (target >= 0 && j == std::size_t(target)) {
      gradient = (g * (1 - p) - h * p * (log_p + entropy)) / a.temperature;
    } else if (target >= 0 && j < a.vocabulary) {
      const float y = float(block.read(a.logits, row * a.stride + j)) * factor - slope.reference;
      gradient = y < -126.f ? 0.f : exp2f(y) * (slope.a + slope.b * y);
    }
    block.write(a.logits, row * a.stride + j, Number(gradient));
  }
}

}  // namespace visplay
