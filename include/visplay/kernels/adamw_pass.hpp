// The inner loops of kernels/adamw.hpp, which is what to call. In the namespace of the unit's level,
// with nothing of the standard library called: see kernels/objective_pass.hpp.
#pragma once

#include <visplay/core/simd_level.hpp>
#include <visplay/kernels/adamw_formula.hpp>
#include <visplay/kernels/lanes.hpp>
#include <visplay/kernels/narrow_lanes.hpp>
#include <visplay/kernels/pack_sum.hpp>
#include <visplay/kernels/philox_lanes.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

namespace visplay {
namespace adamw_detail {

/// Elements of one tensor. No gradients: they are zero.
struct FloatStretch {
  float* weights;
  const float* gradients;
  float *first, *second;
  std::size_t count;
};

/// Elements of one tensor from the beginning of a block on.
struct CompactStretch {
  BFloat16* weights;
  const BFloat16* gradients;
  std::uint8_t *first, *second;
  std::uint8_t *first_exponents, *second_exponents;
  std::size_t count;
  std::size_t begin;  ///< in the tensor
  std::array<std::uint32_t, 2> stream;
  std::uint64_t key;
};

/// As compiled for one level.
struct AdamWPasses {
  double (*float_squares)(const float*, std::size_t);
  double (*bfloat16_squares)(const BFloat16*, std::size_t);
  void (*update_floats)(const AdamWFactors&, const FloatStretch&);
  void (*update_compact)(const AdamWFactors&, const CompactStretch&);
};

}  // namespace adamw_detail

inline namespace VISPLAY_ISA {
namespace adamw_pass {

using namespace adamw_detail;
using Lanes = Pack::Lanes;

/// Sum of squares. Squares are added four at a time in float, then in double.
template <class Number>
inline double squares(const Number* from, std::size_t count) {
  constexpr std::size_t lanes = Pack::lanes;
  PackSum sums[4];
  std::size_t at = 0;
  while (at + 16 * lanes <= count) {
    for (int turn = 0; turn < 4; ++turn)
      for (PackSum& sum : sums) {
        const Pack x = load(from + at);
        sum.add(x * x);
        at += lanes;
      }
    for (PackSum& sum : sums) sum.widen();
  }
  double total = 0;
  for (PackSum& sum : sums) total += sum.total();
  for (; at < count; ++at) total += double(from[at]) * double(from[at]);
  return total;
}

inline double float_squares(const float* from, std::size_t count) { return squares(from, count); }
inline double bfloat16_squares(const BFloat16* from, std::size_t count) {
  return squares(from, count);
}

inline void update_pack(const AdamWFactors& f, const Pack& gradient, Pack& weight, Pack& first,
                        Pack& second) {
  update_moments(f, Lanes(gradient.v * f.gradient_scale), first.v, second.v);
  const Lanes divisor = sqrt(second).v * f.root_scale + f.eps;
  weight.v = f.keep * weight.v - f.rate * (first.v / divisor);
}

inline void update_floats(const AdamWFactors& f, const FloatStretch& stretch) {
  const FloatStretch s = stretch;
  std::size_t at = 0;
  for (; at + Pack::lanes <= s.count; at += Pack::lanes) {
    Pack weight = load(s.weights + at), first = load(s.first + at), second = load(s.second + at);
    update_pack(f, s.gradients ? load(s.gradients + at) : Pack(0.f), weight, first, second);
    store(s.weights + at, weight), store(s.first + at, first), store(s.second + at, second);
  }
  if (const int rest = int(s.count - at); rest > 0) {
    Pack weight = load_first(s.weights + at, rest), first = load_first(s.first + at, rest);
    Pack second = load_first(s.second + at, rest);
    update_pack(f, s.gradients ? load_first(s.gradients + at, rest) : Pack(0.f), weight, first,
                second);
    store_first(s.weights + at, weight, rest), store_first(s.first + at, first, rest);
    store_first(s.second + at, second, rest);
  }
}

constexpr int block_packs = int(compact_block) / Pack::lanes;

template <int distance = Pack::lanes / 2, int... i>
inline std::int32_t largest_lane(const PackIntegers& x, std::integer_sequence<int, i...> lanes) {
  if constexpr (distance == 0) {
    return x[0];
  } else {
    const PackIntegers other = __builtin_shufflevector(x, x, (i ^ distance)...);
    return largest_lane<distance / 2>(x > other ? x : other, lanes);
  }
}
inline std::int32_t largest_lane(const PackIntegers& x) {
  return largest_lane(x, std::make_integer_sequence<int, Pack::lanes>{});
}

inline PackIntegers times_modulo_16_bits(const PackIntegers& random, std::int32_t factor) {
  using Halves = std::uint16_t __attribute__((vector_size(VISPLAY_REGISTER_BYTES)));
  return std::bit_cast<PackIntegers>(
      Halves(std::bit_cast<Halves>(random) * std::bit_cast<Halves>(PackIntegers{} + factor)));
}

/// One whole block, with its exponents in *first_exponents and *second_exponents.
inline void update_block(const AdamWFactors& factors, const CompactStretch& stretch) {
  const AdamWFactors f = factors;  // copies: what is stored could not point into them
  const CompactStretch s = stretch;
  PackIntegers random[block_packs];
  philox_numbers_of(s.begin / 8, s.stream, s.key, random);
  Lanes firsts[block_packs], seconds[block_packs];
  PackIntegers largest_first{}, largest_second{};
  const std::int32_t old_first = *s.first_exponents << 23, old_second = *s.second_exponents << 23;
  for (int i = 0; i < block_packs; ++i) {
    const int at = i * Pack::lanes;
    Lanes first = decode_first<Lanes>(load(s.first + at), old_first);
    Lanes second = decode_second<Lanes>(load(s.second + at), old_second);
    const Lanes gradient =
        s.gradients ? Lanes(load(s.gradients + at).v * f.gradient_scale) : Lanes{};
    update_moments(f, gradient, first, second);
    const Lanes weight =
        f.keep * load(s.weights + at).v - f.rate * direction<Lanes, PackIntegers>(f, first, second);
    store_upper(s.weights + at, round_to_bfloat16(weight, random[i]));
    const auto first_bits = std::bit_cast<PackIntegers>(first) & 0x7FFFFFFF;
    const auto second_bits = std::bit_cast<PackIntegers>(second);
    largest_first = first_bits > largest_first ? first_bits : largest_first;
    largest_second = second_bits > largest_second ? second_bits : largest_second;
    firsts[i] = first, seconds[i] = second;
  }
  const std::int32_t first_base = first_exponent(largest_lane(largest_first)) << 23;
  const std::int32_t second_base = second_exponent(largest_lane(largest_second)) << 23;
  for (int i = 0; i < block_packs; ++i) {
    const int at = i * Pack::lanes;
    store(s.first + at,
          encode_first(firsts[i], first_base, times_modulo_16_bits(random[i], first_factor)));
    store(s.second + at,
          encode_second(seconds[i], second_base, times_modulo_16_bits(random[i], second_factor)));
  }
  *s.first_exponents = std::uint8_t(first_base >> 23);
  *s.second_exponents = std::uint8_t(second_base >> 23);
}

/// The last block of a tensor, by way of a whole one.
inline void update_part(const AdamWFactors& f, const CompactStretch& s) {
  BFloat16 weights[compact_block], gradients[compact_block];
  std::uint8_t first[compact_block] = {}, second[compact_block] = {};
  const std::size_t narrow = s.count * sizeof(BFloat16);
  std::memcpy(static_cast<void*>(weights), s.weights, narrow);
  if (s.gradients) std::memcpy(static_cast<void*>(gradients), s.gradients, narrow);
  std::memcpy(first, s.first, s.count);
  std::memcpy(second, s.second, s.count);
  CompactStretch whole = s;
  whole.weights = weights, whole.gradients = gradients;
  whole.first = first, whole.second = second;
  update_block(f, whole);
  std::memcpy(static_cast<void*>(s.weights), weights, narrow);
  std::memcpy(s.first, first, s.count);
  std::memcpy(s.second, second, s.count);
}

inline void update_compact(const AdamWFactors& f, const CompactStretch& stretch) {
  CompactStretch s = stretch;
  while (s.count > 0) {
    if (s.count < compact_block) return update_part(f, s);
    update_block(f, s);
    s.weights += compact_block, s.first += compact_block, s.second += compact_block;
    if (s.gradients) s.gradients += compact_block;
    ++s.first_exponents, ++s.second_exponents;
    s.begin += compact_block, s.count -= compact_block;
  }
}

inline AdamWPasses passes_here() {
  return {&float_squares, &bfloat16_squares, &update_floats, &update_compact};
}

}  // namespace adamw_pass
}  // namespace VISPLAY_ISA
}  // namespace visplay
