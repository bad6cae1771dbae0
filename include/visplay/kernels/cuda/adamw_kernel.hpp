// The CUDA side of kernels/adamw.hpp: partial sums of squares, the float32 step, and the compact step
// with a block of threads for each block of moments. Formulas and random numbers are those of the CPU.
#pragma once

#include <visplay/core/bfloat16.hpp>
#include <visplay/kernels/adamw_formula.hpp>
#include <visplay/kernels/block_random.hpp>
#include <visplay/kernels/cuda/block.hpp>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace visplay {

/// Elements that a block of squares_kernel and adamw_kernel does.
constexpr std::size_t adamw_block_elements = 4096;

/// sums[b] = sum of squares of the elements of block b, added in double.
template <class Number, Block B>
VISPLAY_DEVICE void squares_kernel(B& block, GlobalView<const Number> gradients,
                                   GlobalView<double> sums) {
  const std::size_t begin = std::size_t(block.index()) * adamw_block_elements;
  const std::size_t end = begin + adamw_block_elements < gradients.count
                              ? begin + adamw_block_elements
                              : gradients.count;
  double mine = 0;
  for (std::size_t i = begin + std::size_t(block.thread()); i < end;
       i += std::size_t(block.threads())) {
    const auto x = double(float(block.read(gradients, i)));
    mine += x * x;
  }
  const double all = block_reduce<0>(block, mine, Plus{});
  if (block.thread() == 0) block.write(sums, std::size_t(block.index()), all);
}

/// All [n].
struct AdamWArguments {
  GlobalView<float> weights{};
  GlobalView<const float> gradients{};
  GlobalView<float> first{}, second{};
};

template <Block B>
VISPLAY_DEVICE void adamw_kernel(B& block, const adamw_detail::AdamWFactors& f,
                                 const AdamWArguments& a) {
  const std::size_t begin = std::size_t(block.index()) * adamw_block_elements;
  for (auto k = std::size_t(block.thread()); k < adamw_block_elements;
       k += std::size_t(block.threads())) {
    const std::size_t i = begin + k;
    if (i >= a.weights.count) return;
    float first = block.read(a.first, i), second = block.read(a.second, i);
    adamw_detail::update_moments(f, block.read(a.gradients, i) * f.gradient_scale, first, second);
    const float divisor = sqrtf(second) * f.root_scale + f.eps;
    block.write(a.weights, i, f.keep * block.read(a.weights, i) - f.rate * (first / divisor));
    block.write(a.first, i, first);
    block.write(a.second, i, second);
  }
}

/// As CompactAdamWTensor, of tensor number `stream[0]` at step `stream[1]`.
struct CompactAdamWArguments {
  GlobalView<BFloat16> weights{};
  GlobalView<const BFloat16> gradients{};
  GlobalView<std::uint8_t> first{}, second{};                      ///< [n]
  GlobalView<std::uint8_t> first_exponents{}, second_exponents{};  ///< [blocks]
  std::uint32_t stream[2] = {};
  std::uint64_t key = 0;
};

/// Blocks of 128 threads: block b does block b of the moments.
template <Block B>
VISPLAY_DEVICE void compact_adamw_kernel(B& block, const adamw_detail::AdamWFactors& f,
                                         const CompactAdamWArguments& a) {
  using namespace adamw_detail;
  const auto b = std::size_t(block.index());
  const std::size_t i = b * compact_block + std::size_t(block.thread());
  const bool lives = i < a.weights.count;
  float first = 0, second = 0;
  std::uint32_t random = 0;
  if (lives) {
    first = decode_first<float>(std::int32_t(block.read(a.first, i)),
                                std::int32_t(block.read(a.first_exponents, b)) << 23);
    second = decode_second<float>(std::int32_t(block.read(a.second, i)),
                                  std::int32_t(block.read(a.second_exponents, b)) << 23);
    update_moments(f, float(block.read(a.gradients, i)) * f.gradient_scale, first, second);
    random = block_random(b, {a.stream[0], a.stream[1]}, a.key, block.thread());
    const float weight = f.keep * float(block.read(a.weights, i)) -
                         f.rate * direction<float, std::int32_t>(f, first, second);
    BFloat16 rounded;
    rounded.bits = std::uint16_t(
        std::uint32_t(round_to_bfloat16(weight, bits_for_weight<std::int32_t>(random))) >> 16);
    block.write(a.weights, i, rounded);
  }
  // Of floats of one sign the larger has the larger bits.
  const std::int32_t first_size = std::bit_cast<std::int32_t>(first) & 0x7FFFFFFF;
  const std::int32_t largest_first = block_reduce<0>(block, first_size, Larger{});
  const std::int32_t largest_second =
      block_reduce<1>(block, std::bit_cast<std::int32_t>(second), Larger{});
  const std::int32_t first_base = first_exponent(largest_first) << 23;
  const std::int32_t second_base = second_exponent(largest_second) << 23;
  if (lives) {
    const std::int32_t m = encode_first(first, first_base, bits_for_first<std::int32_t>(random));
    const std::int32_t v =
        encode_second(second, second_base, bits_for_second<std::int32_t>(random));
    block.write(a.first, i, std::uint8_t(m));
    block.write(a.second, i, std::uint8_t(v));
  }
  if (block.thread() == 0) {
    block.write(a.first_exponents, b, std::uint8_t(first_base >> 23));
    block.write(a.second_exponents, b, std::uint8_t(second_base >> 23));
  }
}

}  // namespace visplay
