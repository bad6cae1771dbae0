// The inner loops of kernels/adamw.hpp, which is what to call. In the namespace of the unit's level,
// with nothing of the standard library called: see kernels/objective_pass.hpp.
#pragma once

#include <visplay/core/simd_level.hpp>
#include <visplay/kernels/adamw_formula.hpp>
#include <visplay/kernels/block_random_lanes.hpp>
#include <visplay/kernels/both.hpp>
#include <visplay/kernels/pack_sum.hpp>
#include <visplay/kernels/two_packs.hpp>

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

/// Elements of one tensor from the beginning of a block of even number on.
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

/// A block's moments between the two trips over it.
struct BlockMoments {
  Lanes first[block_packs], second[block_packs];
  PackIntegers largest_first{}, largest_second{};  // bits of the largest magnitudes

  void put(int i, const Lanes& m, const Lanes& v) {
    const auto m_bits = std::bit_cast<PackIntegers>(m) & 0x7FFFFFFF;
    const auto v_bits = std::bit_cast<PackIntegers>(v);
    largest_first = m_bits > largest_first ? m_bits : largest_first;
    largest_second = v_bits > largest_second ? v_bits : largest_second;
    first[i] = m, second[i] = v;
  }
};

/// The random bits of a block, pack by pack.
inline void draw(const PackBits (&begin)[sequence_packs], PackBits (&out)[block_packs]) {
  constexpr int step = 2 * sequence_packs;  // packs of 32 elements
  for (int part = 0; part < sequence_packs; ++part) {
    PackBits x = begin[part];
    for (int i = 2 * part; i < block_packs; i += step) {
      out[i] = x, out[i + 1] = next_random(x);
      x = next_random(out[i + 1]);
    }
  }
}

using Floats = Both<Lanes>;
using Integers = Both<PackIntegers>;

/// The step of one block's weights and moments; the moments are not rounded yet.
inline void update_block(const AdamWFactors& f, const CompactStretch& s,
                         const PackBits (&random)[block_packs], BlockMoments& moments) {
  const std::int32_t first_base = *s.first_exponents << 23;
  const std::int32_t second_base = *s.second_exponents << 23;
  for (int i = 0; i < block_packs; i += 2) {
    const int at = i * Pack::lanes;
    fetch_ahead<2 * Pack::lanes * sizeof(BFloat16)>(s.weights + at);
    Integers first_codes, second_codes;
    Floats gradients{}, weights;
    load_two(s.first + at, first_codes.a, first_codes.b);
    load_two(s.second + at, second_codes.a, second_codes.b);
    load_two(s.weights + at, weights.a, weights.b);
    if (s.gradients) {
      fetch_ahead<2 * Pack::lanes * sizeof(BFloat16)>(s.gradients + at);
      load_two(s.gradients + at, gradients.a, gradients.b);
    }
    Floats first = decode_first<Floats>(first_codes, first_base);
    Floats second = decode_second<Floats>(second_codes, second_base);
    update_moments(f, gradients * f.gradient_scale, first, second);
    moments.put(i, first.a, second.a), moments.put(i + 1, first.b, second.b);
    const auto rounded =
        round_to_bfloat16(f.keep * weights - f.rate * direction<Floats, Integers>(f, first, second),
                          bits_for_weight<Integers>(Both<PackBits>{random[i], random[i + 1]}));
    store_two_upper(s.weights + at, rounded.a, rounded.b);
  }
}

inline void round_moments(const BlockMoments& moments, const PackBits (&random)[block_packs],
                          const CompactStretch& s) {
  const std::int32_t first_base = first_exponent(largest_lane(moments.largest_first)) << 23;
  const std::int32_t second_base = second_exponent(largest_lane(moments.largest_second)) << 23;
  *s.first_exponents = std::uint8_t(first_base >> 23);
  *s.second_exponents = std::uint8_t(second_base >> 23);
  for (int i = 0; i < block_packs; i += 2) {
    PackIntegers first[2], second[2];
    for (int k = 0; k < 2; ++k) {
      const PackBits& bits = random[i + k];
      first[k] = encode_first(moments.first[i + k], first_base, bits_for_first<PackIntegers>(bits));
      second[k] =
          encode_second(moments.second[i + k], second_base, bits_for_second<PackIntegers>(bits));
    }
    store_two(s.first + i * Pack::lanes, first[0], first[1]);
    store_two(s.second + i * Pack::lanes, second[0], second[1]);
  }
}

constexpr std::size_t two_blocks = 2 * compact_block;

inline void drop(CompactStretch& s, int blocks) {
  const std::size_t elements = std::size_t(blocks) * compact_block;
  s.weights += elements, s.first += elements, s.second += elements;
  if (s.gradients) s.gradients += elements;
  s.first_exponents += blocks, s.second_exponents += blocks;
  s.begin += elements, s.count -= elements;
}

/// Two whole blocks, whose random sequences are begun together; what waits in one is done beside the
/// other.
inline void update_two(const AdamWFactors& factors, const CompactStretch& stretch) {
  const AdamWFactors f = factors;  // copies: what is stored could not point into them
  CompactStretch at[2] = {stretch, stretch};
  drop(at[1], 1);
  PackBits begin[2][sequence_packs], random[2][block_packs];
  BlockMoments moments[2];
  begin_sequences(stretch.begin / two_blocks, stretch.stream, stretch.key, begin);
  for (int b = 0; b < 2; ++b) {
    draw(begin[b], random[b]);
    update_block(f, at[b], random[b], moments[b]);
  }
  for (int b = 0; b < 2; ++b) round_moments(moments[b], random[b], at[b]);
}

/// The last blocks of a tensor, by way of two whole ones.
inline void update_last(const AdamWFactors& f, const CompactStretch& s) {
  BFloat16 weights[two_blocks] = {}, gradients[two_blocks] = {};
  std::uint8_t first[two_blocks] = {}, second[two_blocks] = {};
  std::uint8_t first_exponents[2] = {}, second_exponents[2] = {};
  const std::size_t narrow = s.count * sizeof(BFloat16);
  const std::size_t blocks = (s.count + compact_block - 1) / compact_block;
  std::memcpy(static_cast<void*>(weights), s.weights, narrow);
  if (s.gradients) std::memcpy(static_cast<void*>(gradients), s.gradients, narrow);
  std::memcpy(first, s.first, s.count);
  std::memcpy(second, s.second, s.count);
  std::memcpy(first_exponents, s.first_exponents, blocks);
  std::memcpy(second_exponents, s.second_exponents, blocks);
  CompactStretch whole = s;
  whole.weights = weights, whole.gradients = gradients;
  whole.first = first, whole.second = second;
  whole.first_exponents = first_exponents, whole.second_exponents = second_exponents;
  whole.count = two_blocks;
  update_two(f, whole);
  std::memcpy(static_cast<void*>(s.weights), weights, narrow);
  std::memcpy(s.first, first, s.count);
  std::memcpy(s.second, second, s.count);
  std::memcpy(s.first_exponents, first_exponents, blocks);
  std::memcpy(s.second_exponents, second_exponents, blocks);
}

inline void update_compact(const AdamWFactors& f, const CompactStretch& stretch) {
  CompactStretch s = stretch;
  for (; s.count >= two_blocks; drop(s, 2)) update_two(f, s);
  if (s.count > 0) update_last(f, s);
}

inline AdamWPasses passes_here() {
  return {&float_squares, &bfloat16_squares, &update_floats, &update_compact};
}

}  // namespace adamw_pass
}  // namespace VISPLAY_ISA
}  // namespace visplay
