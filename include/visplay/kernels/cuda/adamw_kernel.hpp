// The CUDA side of kernels/adamw.hpp: the norm and the float32 step. Formulas are those of the CPU. A step reads
// the norm where it lies, so nothing waits for the host.
#pragma once

#include <visplay/core/bfloat16.hpp>
#include <visplay/kernels/adamw_formula.hpp>
#include <visplay/kernels/cuda/block.hpp>

#include <cmath>
#include <cstddef>
#include <limits>

namespace visplay {

/// Elements that a block of SquaresKernel and AdamWKernel does.
constexpr std::size_t adamw_block_elements = 4096;

/// sums[b] = sum of squares of the elements of block b: of the 16 of a thread in float32, as on the CPU, since
/// not every GPU has units for double enough; then in double.
template <class Number>
struct SquaresKernel {
  static constexpr int threads = 256;
  GlobalView<const Number> gradients{};  ///< [n]
  GlobalView<double> sums{};             ///< [blocks]

  [[nodiscard]] std::size_t blocks() const { return sums.count; }
  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    const std::size_t begin = std::size_t(block.index()) * adamw_block_elements;
    const std::size_t left = gradients.count - begin;
    const std::size_t end = begin + (left < adamw_block_elements ? left : adamw_block_elements);
    float mine = 0;
    const auto add = [&](float x) { mine += x * x; };
    constexpr int n = vector_length<Number>;
    for_each_vector(
        block, gradients, begin, end,
        [&](std::size_t i) {
          const auto some = block.template read_vector<n>(gradients, i);
          for (int k = 0; k < n; ++k) add(float(some.at[k]));
        },
        [&](std::size_t i) { add(float(block.read(gradients, i))); });
    const double all = block_reduce<0>(block, double(mine), Plus{});
    if (block.thread() == 0) block.write(sums, std::size_t(block.index()), all);
  }
};

/// One block: the root of the sum of all sums, or if there are none what is known.
struct NormKernel {
  static constexpr int threads = 1024;
  GlobalView<const double> sums{};
  GlobalView<double> norm{};  ///< [1]
  double known = 0;

  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    double mine = 0;
    for (auto i = std::size_t(block.thread()); i < sums.count; i += std::size_t(block.threads()))
      mine += block.read(sums, i);
    const double all = block_reduce<0>(block, mine, Plus{});
    if (block.thread() == 0) block.write(norm, 0, sums.count > 0 ? std::sqrt(all) : known);
  }
};

/// The clipping of a step: its norm, and the largest that is let through (0: all).
struct GradientClip {
  GlobalView<const double> norm{};  ///< [1]
  double largest = 0;

  /// What gradients are multiplied by; negative if nothing must change, as the norm is not finite.
  template <Block B>
  VISPLAY_DEVICE float scale(B& block) const {
    const double here = block.read(norm, 0);
    if (!(here <= std::numeric_limits<double>::max())) return -1;
    return largest > 0 && here > largest ? float(largest / (here + 1e-6)) : 1.f;
  }
};

/// All [n]; no gradients: zero.
struct AdamWKernel {
  static constexpr int threads = 256;
  adamw_detail::AdamWFactors factors;  ///< without clipping
  GradientClip clip{};
  GlobalView<float> weights{};
  GlobalView<const float> gradients{};
  GlobalView<float> first{}, second{};

  [[nodiscard]] std::size_t blocks() const {
    return blocks_for(weights.count, adamw_block_elements);
  }
  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    const float scale = clip.scale(block);
    if (scale < 0) return;
    const adamw_detail::AdamWFactors f = clipped(factors, scale);
    const std::size_t begin = std::size_t(block.index()) * adamw_block_elements;
    const std::size_t left = weights.count - begin;
    const std::size_t end = begin + (left < adamw_block_elements ? left : adamw_block_elements);
    const auto one = [&](std::size_t i) {
      float w = block.read(weights, i), m = block.read(first, i), v = block.read(second, i);
      update(f, w, m, v, gradients.count > 0 ? block.read(gradients, i) : 0.f);
      block.write(weights, i, w), block.write(first, i, m), block.write(second, i, v);
    };
    if (!all_aligned()) {
      for (std::size_t i = begin + std::size_t(block.thread()); i < end;
           i += std::size_t(block.threads()))
        one(i);
      return;
    }
    for_each_vector(
        block, weights, begin, end,
        [&](std::size_t i) {
          auto w = block.template read_vector<4>(weights, i);
          auto m = block.template read_vector<4>(first, i);
          auto v = block.template read_vector<4>(second, i);
          Vector<float, 4> g{};
          if (gradients.count > 0) g = block.template read_vector<4>(gradients, i);
          for (int k = 0; k < 4; ++k) update(f, w.at[k], m.at[k], v.at[k], g.at[k]);
          block.write_vector(weights, i, w);
          block.write_vector(first, i, m);
          block.write_vector(second, i, v);
        },
        one);
  }

 private:
  VISPLAY_DEVICE bool all_aligned() const {
    const std::size_t skip = to_aligned(weights.data);
    return to_aligned(first.data) == skip && to_aligned(second.data) == skip &&
           (gradients.count == 0 || to_aligned(gradients.data) == skip);
  }
  VISPLAY_DEVICE static void update(const adamw_detail::AdamWFactors& f, float& weight, float& m,
                                    float& v, float gradient) {
    m = adamw_detail::next_first(f, f.beta1 * m, gradient);
    v = adamw_detail::next_second(f, f.beta2 * v, gradient);
    weight = adamw_detail::next_weight(f, weight, m / adamw_detail::divisor_of(f, sqrtf(v)));
  }
};

}  // namespace visplay
