// Sums over groups and completions on CUDA: GRPO's advantages (advantage/group_relative.hpp, a block
// a group) and masked sums (a block a completion).
#pragma once

#include <visplay/kernels/cuda/block.hpp>
#include <visplay/kernels/masked_sum.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace visplay {

/// (r - mean) / (std + epsilon) with n - 1; zero in a group of equal rewards. Two trips over the
/// group, so that the deviations are taken from the mean, not from differences of squares.
struct GroupAdvantageKernel {
  static constexpr int threads = 128;
  GlobalView<const float> rewards{};         ///< [n]
  GlobalView<const std::int64_t> offsets{};  ///< [groups + 1]
  double epsilon = 1e-6;
  GlobalView<float> advantages{};  ///< [n]

  /// Block b does group b.
  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    const auto group = std::size_t(block.index());
    const auto begin = std::size_t(block.read(offsets, group));
    const auto end = std::size_t(block.read(offsets, group + 1));
    const auto first = begin + std::size_t(block.thread()), step = std::size_t(block.threads());
    if (begin == end) return;
    // From the first reward on, so that equal rewards deviate by exactly zero.
    const double start = double(block.read(rewards, begin)), n = double(end - begin);
    double sum = 0;
    for (std::size_t i = first; i < end; i += step) sum += double(block.read(rewards, i)) - start;
    const double mean = block_reduce<0>(block, sum, Plus{}) / n + start;
    double squares = 0;
    for (std::size_t i = first; i < end; i += step) {
      const double away = double(block.read(rewards, i)) - mean;
      squares += away * away;
    }
    squares = block_reduce<0>(block, squares, Plus{});
    const double scale = squares > 0 ? 1 / (std::sqrt(squares / (n > 1 ? n - 1 : 1)) + epsilon) : 0;
    for (std::size_t i = first; i < end; i += step)
      block.write(advantages, i, float((double(block.read(rewards, i)) - mean) * scale));
  }
};

struct AddMaskedSums {
  VISPLAY_DEVICE MaskedSum operator()(const MaskedSum& a, const MaskedSum& b) const {
    return {a.sum + b.sum, a.count + b.count};
  }
};

/// sums[b] of the values of completion b where the mask is not zero. No values: they count as 0; no
/// mask: all.
struct MaskedSumKernel {
  static constexpr int threads = 256;
  GlobalView<const float> values{}, mask{};  ///< [N]
  GlobalView<const std::int64_t> offsets{};  ///< [B + 1]
  GlobalView<MaskedSum> sums{};              ///< [B]

  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    const auto completion = std::size_t(block.index());
    const auto end = std::size_t(block.read(offsets, completion + 1));
    MaskedSum mine;
    for (auto i = std::size_t(block.read(offsets, completion)) + std::size_t(block.thread());
         i < end; i += std::size_t(block.threads()))
      if (mask.count == 0 || block.read(mask, i) != 0) {
        if (values.count > 0) mine.sum += double(block.read(values, i));
        mine.count += 1;
      }
    const MaskedSum all = block_reduce<0>(block, mine, AddMaskedSums{});
    if (block.thread() == 0) block.write(sums, completion, all);
  }
};

}  // namespace visplay
