// The CUDA side of compact AdamW (kernels/adamw.hpp). Formulas and random numbers are those of the CPU.
#pragma once

#include <visplay/core/bfloat16.hpp>
#include <visplay/kernels/adamw_formula.hpp>
#include <visplay/kernels/block_random.hpp>
#include <visplay/kernels/cuda/adamw_kernel.hpp>
#include <visplay/kernels/cuda/arithmetic.hpp>
#include <visplay/kernels/cuda/block.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace visplay {

/// The compact form of tensor number `stream[0]` at step `stream[1]`. A thread does sixteen neighbours, a
/// quarter of a warp a block of moments, whose exponents it finds by shuffles.
struct CompactAdamWKernel {
  static constexpr int threads = 128;
  static constexpr int each = 16;  ///< elements a thread
  static constexpr std::size_t block_elements = std::size_t(threads * each);
  static constexpr int moment_threads = int(adamw_detail::compact_block) / each;
  static constexpr int words_each = each / 2;      ///< random words a thread
  static constexpr int word_stride = threads + 2;  ///< in shared memory, without conflicts of banks

  adamw_detail::AdamWFactors factors;  ///< without clipping
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
    Elements x;
    x.begin = std::size_t(block.index()) * block_elements + std::size_t(block.thread() * each);
    const std::size_t left = x.begin < weights.count ? weights.count - x.begin : 0;
    x.count = left < each ? int(left) : each;
    if (x.count > 0) read(block, x);
    const float scale = clip.scale(block);
    if (scale < 0) return;
    const adamw_detail::AdamWFactors f = clipped(factors, scale);
    const Exponents next = next_exponents(block, f, x);
    make_words(block);
    block.sync_warp();  // all words are there, and all have read the exponents that one overwrites
    if (x.count > 0) update(block, f, x, next);
  }

 private:
  struct Exponents {
    std::int32_t first = 0, second = 0;
  };
  /// Of one thread; those beyond `count` are zero.
  struct Elements {
    std::size_t begin = 0;
    int count = 0;
    Vector<BFloat16, each> w{}, g{};
    Vector<std::uint8_t, each> m{}, v{};
    Exponents exponents;
    [[nodiscard]] VISPLAY_DEVICE std::size_t moments() const {
      return begin / adamw_detail::compact_block;
    }
  };

  template <class T>
  static constexpr int length = vector_length<T> < each ? vector_length<T> : each;
  template <class T>
  VISPLAY_DEVICE static bool whole(const GlobalView<T>& view, const Elements& x) {
    return x.count == each &&
           reinterpret_cast<std::uintptr_t>(view.data + x.begin) % (length<T> * sizeof(T)) == 0;
  }
  template <class T, Block B>
  VISPLAY_DEVICE static auto load(B& block, const GlobalView<T>& view, const Elements& x) {
    Vector<std::remove_const_t<T>, each> some{};
    if (whole(view, x)) {
      VISPLAY_UNROLL
      for (int k = 0; k < each; k += length<T>) {
        const auto part = block.template read_vector<length<T>>(view, x.begin + std::size_t(k));
        for (int j = 0; j < length<T>; ++j) some.at[k + j] = part.at[j];
      }
      return some;
    }
    VISPLAY_UNROLL
    for (int k = 0; k < each; ++k)
      if (k < x.count) some.at[k] = block.read(view, x.begin + std::size_t(k));
    return some;
  }
  template <class T, Block B>
  VISPLAY_DEVICE static void store(B& block, const GlobalView<T>& view, const Elements& x,
                                   const Vector<T, each>& some) {
    if (whole(view, x)) {
      VISPLAY_UNROLL
      for (int k = 0; k < each; k += length<T>) {
        Vector<T, length<T>> part;
        for (int j = 0; j < length<T>; ++j) part.at[j] = some.at[k + j];
        block.write_vector(view, x.begin + std::size_t(k), part);
      }
      return;
    }
    VISPLAY_UNROLL
    for (int k = 0; k < each; ++k)
      if (k < x.count) block.write(view, x.begin + std::size_t(k), some.at[k]);
  }

  template <Block B>
  VISPLAY_DEVICE void read(B& block, Elements& x) const {
    x.exponents.first = std::int32_t(block.read(first_exponents, x.moments()));
    x.exponents.second = std::int32_t(block.read(second_exponents, x.moments()));
    x.m = load(block, first, x), x.v = load(block, second, x), x.w = load(block, weights, x);
    if (gradients.count > 0) x.g = load(block, gradients, x);
  }

  /// All threads call it: the largest of a block's 128 gradients and codes, and what they would make of the
  /// moments together.
  template <Block B>
  VISPLAY_DEVICE static Exponents next_exponents(B& block, const adamw_detail::AdamWFactors& f,
                                                 const Elements& x) {
    using namespace adamw_detail;
    std::int32_t g = 0, m = 0, v = 0;
    VISPLAY_UNROLL
    for (int k = 0; k < each; ++k) {
      g = Larger{}(g, std::int32_t(x.g.at[k].bits & 0x7FFF));
      m = Larger{}(m, std::int32_t(x.m.at[k] & 0x7F));
      v = Larger{}(v, std::int32_t(x.v.at[k]));
    }
    for (int mask = moment_threads / 2; mask > 0; mask /= 2) {
      g = Larger{}(g, block.shuffle_xor(g, mask));
      m = Larger{}(m, block.shuffle_xor(m, mask));
      v = Larger{}(v, block.shuffle_xor(v, mask));
    }
    const auto gradient = bits_as<float>(g << 16);
    const float first = next_first(
        f, first_of(std::uint8_t(m), f.beta1 * grain_of<float>(x.exponents.first)), gradient);
    const float second = next_second(
        f, second_of(std::uint8_t(v), f.beta2 * grain_of<float>(x.exponents.second)), gradient);
    return {first_exponent(bits_as<std::int32_t>(first)),
            second_exponent(bits_as<std::int32_t>(second))};
  }

  // The random words of the block's elements, in shared memory: a warp makes those of a group, each
  // thread half of a sequence, and uses them.
  static constexpr int group_threads = random_words / words_each;
  static_assert(group_threads == 32 && group_threads % random_sequences == 0);
  template <Block B>
  VISPLAY_DEVICE static auto words(B& block) {
    return block.template shared<std::uint32_t, words_each * word_stride, 0>();
  }
  VISPLAY_DEVICE static int place_of(int word) {
    return word % words_each * word_stride + word / words_each;
  }
  template <Block B>
  VISPLAY_DEVICE void make_words(B& block) const {
    constexpr int groups = int(block_elements) / (2 * random_words);
    const int group = block.thread() / group_threads, in_group = block.thread() % group_threads;
    const int sequence = in_group % random_sequences;
    const int first_step = in_group / random_sequences * words_each;
    std::uint32_t x = first_random(std::uint64_t(block.index()) * groups + std::uint64_t(group),
                                   {stream[0], stream[1]}, key, sequence);
    for (int step = 0; step < first_step; ++step) x = next_random(x);
    const auto to = words(block);
    VISPLAY_UNROLL
    for (int step = 0; step < words_each; ++step) {
      to.write(place_of(group * random_words + (first_step + step) * random_sequences + sequence),
               x);
      x = next_random(x);
    }
  }

  template <Block B>
  VISPLAY_DEVICE void update(B& block, const adamw_detail::AdamWFactors& f, Elements& x,
                             const Exponents& next) const {
    using namespace adamw_detail;
    const auto random_of_block = words(block);
    const float first_grain = f.beta1 * grain_of<float>(x.exponents.first);
    const float second_grain = f.beta2 * grain_of<float>(x.exponents.second);
    const auto first_inverse = inverse_grain_of<float>(next.first);
    const auto second_inverse = inverse_grain_of<float>(next.second);
    std::uint32_t random = 0;
    VISPLAY_UNROLL
    for (int k = 0; k < each; ++k) {
      if (k % 2 == 0) random = random_of_block.read(place_of(block.thread() * words_each + k / 2));
      const float g = float(x.g.at[k]);
      const float m = next_first(f, first_of(x.m.at[k], first_grain), g);
      const float v = next_second(f, second_of(x.v.at[k], second_grain), g);
      const float quotient = quick_quotient(m, divisor_of(f, quick_root(v)));
      const float weight = next_weight(f, float(x.w.at[k]), quotient);
      const auto bits =
          k % 2 == 0 ? bits_of_even<std::int32_t>(random) : bits_of_odd<std::int32_t>(random);
      const auto upper = [](std::int32_t whole) { return std::uint32_t(whole) >> 16; };
      x.w.at[k].bits = std::uint16_t(upper(round_to_bfloat16(weight, bits.weight)));
      const auto first_upper = upper(encode_first(m, first_inverse, bits.first));
      const auto second_upper = upper(encode_second(v, second_inverse, bits.second));
      const std::int32_t code = narrow_second(std::int32_t(second_upper));
      x.m.at[k] = std::uint8_t(narrow_first(std::int32_t(first_upper)));
      x.v.at[k] = std::uint8_t(code < 0 ? 0 : code > 255 ? 255 : code);
    }
    store(block, weights, x, x.w);
    store(block, first, x, x.m);
    store(block, second, x, x.v);
    if (block.thread() % moment_threads == 0) {
      block.write(first_exponents, x.moments(), std::uint8_t(next.first));
      block.write(second_exponents, x.moments(), std::uint8_t(next.second));
    }
  }
};

}  // namespace visplay
