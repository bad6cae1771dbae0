// The CUDA side of kernels/adamw.hpp: the norm, the float32 step and the compact step. Formulas and random
// numbers are those of the CPU. A step reads the norm where it lies, so nothing waits for the host.
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

  [[nodiscard]] std::size_t blocks() const { return sums.count; }
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

  [[nodiscard]] std::size_t blocks() const {
    return blocks_for(weights.count, adamw_block_elements);
  }
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

/// The compact form of tensor number `stream[0]` at step `stream[1]`. A thread does eight neighbours, half
/// a warp a block of moments, whose exponents it finds by shuffles.
struct CompactAdamWKernel {
  static constexpr int threads = 128;
  static constexpr int each = 8;  ///< elements a thread
  static constexpr std::size_t block_elements = std::size_t(threads * each);
  static_assert(adamw_detail::compact_block == 16 * each);

  adamw_detail::AdamWFactors factors;  ///< their gradient_scale is not read
  GradientClip clip{};
  GlobalView<BFloat16> weights{};                                  ///< [n]
  GlobalView<const BFloat16> gradients{};                          ///< [n], or none: zero
  GlobalView<std::uint8_t> first{}, second{};                      ///< [n]
  GlobalView<std::uint8_t> first_exponents{}, second_exponents{};  ///< [blocks of moments]
  std::uint32_t stream[2] = {};
  std::uint64_t key = 0;

  [[nodiscard]] std::size_t blocks() const { return blocks_for(weights.count, block_elements); }
  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    const float scale = clip.scale(block);
    if (scale < 0) return;
    Elements x;
    x.begin = std::size_t(block.index()) * block_elements + std::size_t(block.thread() * each);
    const std::size_t left = x.begin < weights.count ? weights.count - x.begin : 0;
    x.count = left < each ? int(left) : each;
    if (x.count > 0) update(block, scale, x);
    block.sync_warp();  // all have read the exponents that one of them overwrites
    encode(block, x);
  }

 private:
  /// Of one thread; those beyond `count` are zero.
  struct Elements {
    std::size_t begin = 0;
    int count = 0;
    float m[each] = {}, v[each] = {};
    std::uint32_t random[each] = {};
    [[nodiscard]] VISPLAY_DEVICE std::size_t moments() const {
      return begin / adamw_detail::compact_block;
    }
  };

  template <class T>
  VISPLAY_DEVICE static bool whole(const GlobalView<T>& view, const Elements& x) {
    return x.count == each &&
           reinterpret_cast<std::uintptr_t>(view.data + x.begin) % (each * sizeof(T)) == 0;
  }
  template <class T, Block B>
  VISPLAY_DEVICE static auto load(B& block, const GlobalView<T>& view, const Elements& x) {
    if (whole(view, x)) return block.template read_vector<each>(view, x.begin);
    Vector<std::remove_const_t<T>, each> some{};
    VISPLAY_UNROLL
    for (int k = 0; k < each; ++k)
      if (k < x.count) some.at[k] = block.read(view, x.begin + std::size_t(k));
    return some;
  }
  template <class T, Block B>
  VISPLAY_DEVICE static void store(B& block, const GlobalView<T>& view, const Elements& x,
                                   const Vector<T, each>& some) {
    if (whole(view, x)) return block.write_vector(view, x.begin, some);
    VISPLAY_UNROLL
    for (int k = 0; k < each; ++k)
      if (k < x.count) block.write(view, x.begin + std::size_t(k), some.at[k]);
  }

  /// Moments and weights, which are written.
  template <Block B>
  VISPLAY_DEVICE void update(B& block, float scale, Elements& x) const {
    using namespace adamw_detail;
    const std::size_t b = x.moments();
    const std::int32_t first_base = std::int32_t(block.read(first_exponents, b)) << 23;
    const std::int32_t second_base = std::int32_t(block.read(second_exponents, b)) << 23;
    const auto m = load(block, first, x), v = load(block, second, x);
    Vector<BFloat16, each> w = load(block, weights, x), g{};
    if (gradients.count > 0) g = load(block, gradients, x);
    VISPLAY_UNROLL
    for (int k = 0; k < each; ++k) {
      // Two neighbours are a step of one sequence apart.
      const int e = int(x.begin % compact_block) + k;
      x.random[k] = k % 2 == 1 ? next_random(x.random[k - 1])
                               : block_random(b, {stream[0], stream[1]}, key, e);
      if (k >= x.count) continue;
      x.m[k] = decode_first<float>(std::int32_t(m.at[k]), first_base);
      x.v[k] = decode_second<float>(std::int32_t(v.at[k]), second_base);
      update_moments(factors, float(g.at[k]) * scale, x.m[k], x.v[k]);
      const float weight = factors.keep * float(w.at[k]) -
                           factors.rate * direction<float, std::int32_t>(factors, x.m[k], x.v[k]);
      const auto bits = bits_for_weight<std::int32_t>(x.random[k]);
      w.at[k].bits = std::uint16_t(std::uint32_t(round_to_bfloat16(weight, bits)) >> 16);
    }
    store(block, weights, x, w);
  }

  /// All threads call it.
  template <Block B>
  VISPLAY_DEVICE void encode(B& block, const Elements& x) const {
    using namespace adamw_detail;
    std::int32_t first_size = 0, second_size = 0;
    VISPLAY_UNROLL
    for (int k = 0; k < each; ++k) {  // of floats of one sign the larger has the larger bits
      first_size = Larger{}(first_size, std::bit_cast<std::int32_t>(x.m[k]) & 0x7FFFFFFF);
      second_size = Larger{}(second_size, std::bit_cast<std::int32_t>(x.v[k]));
    }
    for (int mask = 8; mask > 0; mask /= 2) {
      first_size = Larger{}(first_size, block.shuffle_xor(first_size, mask));
      second_size = Larger{}(second_size, block.shuffle_xor(second_size, mask));
    }
    if (x.count == 0) return;
    const std::int32_t first_base = first_exponent(first_size) << 23;
    const std::int32_t second_base = second_exponent(second_size) << 23;
    Vector<std::uint8_t, each> m{}, v{};
    VISPLAY_UNROLL
    for (int k = 0; k < each; ++k) {
      const auto bits_first = bits_for_first<std::int32_t>(x.random[k]);
      const auto bits_second = bits_for_second<std::int32_t>(x.random[k]);
      m.at[k] = std::uint8_t(encode_first(x.m[k], first_base, bits_first));
      v.at[k] = std::uint8_t(encode_second(x.v[k], second_base, bits_second));
    }
    store(block, first, x, m);
    store(block, second, x, v);
    if (block.thread() % 16 == 0) {
      block.write(first_exponents, x.moments(), std::uint8_t(first_base >> 23));
      block.write(second_exponents, x.moments(), std::uint8_t(second_base >> 23));
    }
  }
};

}  // namespace visplay
