// Sums over groups and completions on CUDA: GRPO's advantages (advantage/group_relative.hpp, a block
// a group) and masked sums (a block a completion).
#pragma once

#include <visplay/kernels/cuda/block.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace visplay {

/// (r - mean) / (std + epsilon) with n - 1; zero in a group of equal rewards. Two trips over the
/// group, so that the deviations are taken from the mean, not from differences of squares.
template <Block B>
VISPLAY_DEVICE void group_advantage_kernel(B& block, GlobalView<const float> rewards,
                                           GlobalView<const std::int64_t> offsets, double epsilon,
                                           GlobalView<float> advantages) {
  const auto group = std::size_t(block.index());
  const auto begin = std::size_t(block.read(offsets, group));
  const auto end = std::size_t(block.read(offsets, group + 1));
  const auto first = begin + std::size_t(block.thread()), step = std::size_t(block.threads());
  if (begin == end) return;
  const double start = double(block.read(rewards, begin)), n = double(end - begin);
  double sum = 0;
  int differs = 0;
  for (std::size_t i = first; i < end; i += step) {
    const auto r = double(block.read(rewards, i));
    sum += r;
    if (r != start) differs = 1;
  }
  const double mean = block_reduce<0>(block, sum, Plus{}) / n;
  const bool equal = block_reduce<1>(block, differs, Larger{}) == 0;
  double squares = 0;
  for (std::size_t i = first; i < end; i += step) {
    const double away = double(block.read(rewards, i)) - mean;
    squares += away * away;
  }
  const double variance = block_reduce<0>(block, squares, Plus{}) / (n > 1 ? n - 1 : 1);
  const double scale = 1 / (sqrt(variance) + epsilon);
  for (std::size_t i = first; i < end; i += step)
    block.write(advantages, i,
                equal ? 0.f : float((double(block.read(rewards, i)) - mean) * scale));
}

/// Of one completion.
struct MaskedSum {
  double sum = 0, count = 0;
};
struct AddMaskedSums {
  VISPLAY_DEVICE MaskedSum operator()(const MaskedSum& a, const MaskedSum& b) const {
    return {a.sum + b.sum, a.count + b.count};
  }
};

/// sums[b] of the values of completion b where the mask is not zero; no mask: all.
template <Block B>
VISPLAY_DEVICE void masked_sum_kernel(B& block, GlobalView<const float> values,
                                      GlobalView<const float> mask,
                                      GlobalView<const std::int64_t> offsets,
                                      GlobalView<MaskedSum> sums) {
  const auto completion = std::size_t(block.index());
  const auto end = std::size_t(block.read(offsets, completion + 1));
  MaskedSum mine;
  for (auto i = std::size_t(block.read(offsets, completion)) + std::size_t(block.thread()); i < end;
       i += std::size_t(block.threads()))
    if (mask.count == 0 || block.read(mask, i) != 0) {
      mine.sum += double(block.read(values, i));
      mine.count += 1;
    }
  const MaskedSum all = block_reduce<0>(block, mine, AddMaskedSums{});
  if (block.thread() == 0) block.write(sums, completion, all);
}

}  // namespace visplay
