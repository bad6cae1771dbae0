// The CUDA side of kernels/adamw.hpp: the norm, the float32 step, and the compact step with a block of
// threads for each block of moments. Formulas and random numbers are those of the CPU. A step reads
// the norm where it lies, so nothing waits for the host.
#pragma once

#include <visplay/core/bfloat16.hpp>
#include <visplay/kernels/adamw_formula.hpp>
#include <visplay/kernels/block_random.hpp>
#include <visplay/kernels/cuda/block.hpp>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace visplay {

/// Elements that a block of SquaresKernel and AdamWKernel does.
constexpr std::size_t adamw_block_elements = 4096;

/// sums[b] = sum of squares of the elements of block b, added in double.
template <class Number>
struct SquaresKernel {
  static constexpr int threads = 256;
  GlobalView<const Number> gradients{};  ///< [n]
  GlobalView<double> sums{};             ///< [blocks]

  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    const std::size_t begin = std::size_t(block.index()) * adamw_block_elements;
    const std::size_t left = gradients.count - begin;
    const std::size_t end = begin + (left < adamw_block_elements ? left : adamw_block_elements);
    double mine = 0;
    const auto add = [&](float x) { mine += double(x) * double(x); };
    constexpr int n = vector_length<Number>;
    for_each_vector(
        block, gradients, begin, end,
        [&](std::size_t i) {
          const auto some = block.template read_vector<n>(gradients, i);
          for (int k = 0; k < n; ++k) add(float(some.at[k]));
        },
        [&](std::size_t i) { add(float(block.read(gradients, i))); });
    const double all = block_reduce<0>(block, mine, Plus{});
    if (block.thread() == 0) block.write(sums, std::size_t(block.index()), all);
  }
};

/// One block: the root of the sum of all sums.
struct NormKernel {
  static constexpr int threads = 1024;
  GlobalView<const double> sums{};
  GlobalView<double> norm{};  ///< [1]

  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    double mine = 0;
    for (auto i = std::size_t(block.thread()); i < sums.count; i += std::size_t(block.threads()))
      mine += block.read(sums, i);
    const double all = block_reduce<0>(block, mine, Plus{});
    if (block.thread() == 0) block.write(norm, 0, std::sqrt(all));
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
  adamw_detail::AdamWFactors factors;  ///< their gradient_scale is not read
  GradientClip clip{};
  GlobalView<float> weights{};
  GlobalView<const float> gradients{};
  GlobalView<float> first{}, second{};

  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    const float scale = clip.scale(block);
    if (scale < 0) return;
    const std::size_t begin = std::size_t(block.index()) * adamw_block_elements;
    const std::size_t left = weights.count - begin;
    const std::size_t end = begin + (left < adamw_block_elements ? left : adamw_block_elements);
    const auto one = [&](std::size_t i) {
      float w = block.read(weights, i), m = block.read(first, i), v = block.read(second, i);
      update(w, m, v, gradients.count > 0 ? block.read(gradients, i) * scale : 0.f);
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
          for (int k = 0; k < 4; ++k) update(w.at[k], m.at[k], v.at[k], g.at[k] * scale);
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
  VISPLAY_DEVICE void update(float& weight, float& m, float& v, float gradient) const {
    adamw_detail::update_moments(factors, gradient, m, v);
    const float divisor = sqrtf(v) * factors.root_scale + factors.eps;
    weight = factors.keep * weight - factors.rate * (m / divisor);
  }
};

/// The compact form of tensor number `stream[0]` at step `stream[1]`. Block b does block b of the
/// moments.
struct CompactAdamWKernel {
  static constexpr int threads = int(adamw_detail::compact_block);
  adamw_detail::AdamWFactors factors;  ///< their gradient_scale is not read
  GradientClip clip{};
  GlobalView<BFloat16> weights{};                                  ///< [n]
  GlobalView<const BFloat16> gradients{};                          ///< [n], or none: zero
  GlobalView<std::uint8_t> first{}, second{};                      ///< [n]
  GlobalView<std::uint8_t> first_exponents{}, second_exponents{};  ///< [blocks]
  std::uint32_t stream[2] = {};
  std::uint64_t key = 0;

  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    using namespace adamw_detail;
    const float scale = clip.scale(block);
    if (scale < 0) return;
    const auto b = std::size_t(block.index());
    const std::size_t i = b * compact_block + std::size_t(block.thread());
    const bool lives = i < weights.count;
    float m = 0, v = 0;
    std::uint32_t random = 0;
    if (lives) {
      m = decode_first<float>(std::int32_t(block.read(first, i)),
                              std::int32_t(block.read(first_exponents, b)) << 23);
      v = decode_second<float>(std::int32_t(block.read(second, i)),
                               std::int32_t(block.read(second_exponents, b)) << 23);
      const float gradient = gradients.count > 0 ? float(block.read(gradients, i)) : 0.f;
      update_moments(factors, gradient * scale, m, v);
      random = block_random(b, {stream[0], stream[1]}, key, block.thread());
      const float weight = factors.keep * float(block.read(weights, i)) -
                           factors.rate * direction<float, std::int32_t>(factors, m, v);
      BFloat16 rounded;
      rounded.bits = std::uint16_t(
          std::uint32_t(round_to_bfloat16(weight, bits_for_weight<std::int32_t>(random))) >> 16);
      block.write(weights, i, rounded);
    }
    write_moments(block, lives, i, m, v, random);
  }

 private:
  template <Block B>
  VISPLAY_DEVICE void write_moments(B& block, bool lives, std::size_t i, float m, float v,
                                    std::uint32_t random) const {
    using namespace adamw_detail;
    const auto b = std::size_t(block.index());
    // Of floats of one sign the larger has the larger bits.
    const std::int32_t first_size = std::bit_cast<std::int32_t>(m) & 0x7FFFFFFF;
    const std::int32_t largest_first = block_reduce<0>(block, first_size, Larger{});
    const std::int32_t largest_second =
        block_reduce<1>(block, std::bit_cast<std::int32_t>(v), Larger{});
    const std::int32_t first_base = first_exponent(largest_first) << 23;
    const std::int32_t second_base = second_exponent(largest_second) << 23;
    if (lives) {
      const auto bits_first = bits_for_first<std::int32_t>(random);
      const auto bits_second = bits_for_second<std::int32_t>(random);
      block.write(first, i, std::uint8_t(encode_first(m, first_base, bits_first)));
      block.write(second, i, std::uint8_t(encode_second(v, second_base, bits_second)));
    }
    if (block.thread() == 0) {
      block.write(first_exponents, b, std::uint8_t(first_base >> 23));
      block.write(second_exponents, b, std::uint8_t(second_base >> 23));
    }
  }
};

}  // namespace visplay
