// The inner loop of compact AdamW (adamw.hpp): bfloat16 weights, moments of 8 bits (adamw_formula.hpp). Like
// adamw_pass.hpp, in the namespace of the unit's level, with nothing of the standard library called.
#pragma once

#include <visplay/core/bfloat16.hpp>
#include <visplay/kernels/adamw_formula.hpp>
#include <visplay/kernels/block_random_lanes.hpp>
#include <visplay/kernels/both.hpp>
#include <visplay/kernels/halves.hpp>
#include <visplay/kernels/two_packs.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace visplay {
namespace adamw_detail {

/// Elements of one tensor from the beginning of a group of random bits on.
struct CompactStretch {
  BFloat16* weights;
  const BFloat16* gradients;  ///< none: zero
  std::uint8_t *first, *second;
  std::uint8_t *first_exponents, *second_exponents;
  std::size_t count;
  std::size_t begin;  ///< in the tensor
  std::array<std::uint32_t, 2> stream;
  std::uint64_t key;
};

}  // namespace adamw_detail

inline namespace VISPLAY_ISA {
namespace adamw_pass {

using namespace adamw_detail;
using Lanes = Pack::Lanes;

constexpr std::size_t group_elements = 2 * random_words;
constexpr int block_elements = int(compact_block),
              group_blocks = int(group_elements) / block_elements;
static_assert(group_blocks == 4);

inline constexpr BFloat16 no_gradients[group_elements] = {};

struct Group {
  BFloat16* weights;
  const BFloat16* gradients;
  std::uint8_t *first, *second;
  std::uint8_t *first_exponents, *second_exponents;
};

inline Group group_at(const CompactStretch& s, std::size_t at) {
  return {s.weights + at,
          s.gradients ? s.gradients + at : no_gradients,
          s.first + at,
          s.second + at,
          s.first_exponents + at / compact_block,
          s.second_exponents + at / compact_block};
}

// A number of each block.
using BlockFloats = float __attribute__((vector_size(4 * group_blocks)));
using BlockIntegers = std::int32_t __attribute__((vector_size(4 * group_blocks)));
constexpr BlockIntegers byte_shifts{0, 8, 16, 24};

inline BlockIntegers load_exponents(const std::uint8_t* from) {
  std::int32_t word;
  std::memcpy(&word, from, sizeof word);
  return ((BlockIntegers{} + word) >> byte_shifts) & 0xFF;
}
inline void store_exponents(std::uint8_t* to, const BlockIntegers& x) {
  const BlockIntegers bytes = x << byte_shifts;
  const std::int32_t word = bytes[0] | bytes[1] | bytes[2] | bytes[3];
  std::memcpy(to, &word, sizeof word);
}

/// By what the codes of each block are multiplied to and fro.
struct GroupScales {
  BlockFloats first, second;            ///< grains before the step, times beta1 and beta2
  BlockFloats next_first, next_second;  ///< one over those after it
};

template <class Lanes, class Number>
inline Lanes load_lanes(const Number* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

/// The exponents of a group after the step. What the largest gradient and moments of a block would make
/// if they were one element's bounds what its elements make.
inline GroupScales next_scales(const AdamWFactors& f, const Group& s) {
  Halves gradients[group_blocks], firsts[group_blocks], seconds[group_blocks];  // the largest
  for (int b = 0; b < group_blocks; ++b) {
    const int begin = b * block_elements, end = begin + block_elements;
    Halves gradient{};
    for (int i = begin; i < end; i += half_lanes)
      gradient = larger(gradient, Halves(load_lanes<Halves>(s.gradients + i) & 0x7FFF));
    Bytes first{}, second{};
    for (int i = begin; i < end; i += 2 * half_lanes) {
      first = larger(first, Bytes(load_lanes<Bytes>(s.first + i) & 0x7F));
      second = larger(second, load_lanes<Bytes>(s.second + i));
    }
    gradients[b] = gradient, firsts[b] = larger_bytes(first), seconds[b] = larger_bytes(second);
  }
  const auto widest = [](const BlockIntegers& upper) { return bits_as<BlockFloats>(upper << 16); };
  const BlockFloats g = widest(largest_lanes(gradients));
  const BlockFloats m = widest(widen_first(largest_lanes(firsts)));
  const BlockFloats v = widest(widen_second(largest_lanes(seconds)));
  const BlockFloats first = f.beta1 * grain_of<BlockFloats>(load_exponents(s.first_exponents));
  const BlockFloats second = f.beta2 * grain_of<BlockFloats>(load_exponents(s.second_exponents));
  const BlockIntegers first_bound =
      bits_as<BlockIntegers>(next_first(f, decode_second(m, first), g));
  const BlockIntegers second_bound =
      bits_as<BlockIntegers>(next_second(f, decode_second(v, second), g));
  const BlockIntegers first_exponents = first_exponent(first_bound);
  const BlockIntegers second_exponents = second_exponent(second_bound);
  store_exponents(s.first_exponents, first_exponents);
  store_exponents(s.second_exponents, second_exponents);
  return {first, second, inverse_grain_of<BlockFloats>(first_exponents),
          inverse_grain_of<BlockFloats>(second_exponents)};
}

using Floats = Both<Lanes>;
using Integers = Both<PackIntegers>;

inline Floats roots(const Floats& x) { return {sqrt(Pack(x.a)).v, sqrt(Pack(x.b)).v}; }
inline Floats split(const Halves& upper) {
  Floats x;
  split_upper(upper, x.a, x.b);
  return x;
}
inline Halves join(const Integers& x) { return join_upper(x.a, x.b); }

/// What memory takes and gives at a time: a register of bytes, two of halves, four of floats.
constexpr int tile_elements = 2 * half_lanes;
struct Tile {
  Floats first[2], second[2], root[2];
};

/// Moments, and what the weights need of them.
inline void begin_tile(const AdamWFactors& f, const Group& s, const GroupScales& scales, int i,
                       Tile& t) {
  const int block = i / block_elements;
  for (int k = 0; k < 2; ++k) {
    const int at = i + k * half_lanes;
    const Floats g = split(load_lanes<Halves>(s.gradients + at));
    const Floats m = split(widen_first(load_signed_bytes(s.first + at)));
    const Floats v = split(widen_second(load_bytes(s.second + at)));
    t.first[k] = next_first(f, decode_first<Floats, Integers>(m, scales.first[block]), g);
    t.second[k] = next_second(f, decode_second(v, scales.second[block]), g);
    t.root[k] = roots(t.second[k]);
  }
}

/// Weights, and the moments' codes.
inline void end_tile(const AdamWFactors& f, const Group& s, const GroupScales& scales, int i,
                     const Tile& t, PackBits (&sequences)[sequence_packs]) {
  const int block = i / block_elements;
  Halves m[2], v[2];
  for (int k = 0; k < 2; ++k) {
    const int at = i + k * half_lanes;
    PackBits& word = sequences[at / half_lanes % sequence_packs];
    const auto even = bits_of_even<PackIntegers>(word), odd = bits_of_odd<PackIntegers>(word);
    word = next_random(word);
    const Floats weights = next_weight(f, split(load_lanes<Halves>(s.weights + at)),
                                       t.first[k] / divisor_of(f, t.root[k]));
    m[k] = narrow_first(
        join(encode_first(t.first[k], scales.next_first[block], Integers{even.first, odd.first})));
    v[k] = narrow_second(join(
        encode_second(t.second[k], scales.next_second[block], Integers{even.second, odd.second})));
    const Halves rounded = join(round_to_bfloat16(weights, Integers{even.weight, odd.weight}));
    std::memcpy(static_cast<void*>(s.weights + at), &rounded, sizeof rounded);
  }
  store_signed_bytes(s.first + i, m[0], m[1]);
  store_bytes(s.second + i, v[0], v[1]);
}

inline void update_group(const AdamWFactors& factors, const Group& group,
                         PackBits (&sequences)[sequence_packs]) {
  const AdamWFactors f = factors;  // copies: what is stored could not point into them
  const Group s = group;
  const GroupScales scales = next_scales(f, s);
  for (int i = 0; i < int(group_elements); i += tile_elements) {
    fetch_ahead<tile_elements * sizeof(BFloat16)>(s.gradients + i);
    fetch_ahead<tile_elements * sizeof(BFloat16)>(s.weights + i);
    Tile tile;
    begin_tile(f, s, scales, i, tile);
    end_tile(f, s, scales, i, tile, sequences);
  }
}

/// The first `count` elements of a group, the last of a tensor, by way of a whole one.
inline void update_first(const AdamWFactors& f, const Group& s, std::size_t count,
                         PackBits (&sequences)[sequence_packs]) {
  BFloat16 weights[group_elements] = {}, gradients[group_elements] = {};
  std::uint8_t first[group_elements] = {}, second[group_elements] = {};
  std::uint8_t first_exponents[group_blocks] = {}, second_exponents[group_blocks] = {};
  const std::size_t narrow = count * sizeof(BFloat16);
  const std::size_t blocks = (count + compact_block - 1) / compact_block;
  std::memcpy(static_cast<void*>(weights), s.weights, narrow);
  std::memcpy(static_cast<void*>(gradients), s.gradients, narrow);
  std::memcpy(first, s.first, count);
  std::memcpy(second, s.second, count);
  std::memcpy(first_exponents, s.first_exponents, blocks);
  std::memcpy(second_exponents, s.second_exponents, blocks);
  update_group(f, {weights, gradients, first, second, first_exponents, second_exponents},
               sequences);
  std::memcpy(static_cast<void*>(s.weights), weights, narrow);
  std::memcpy(s.first, first, count);
  std::memcpy(s.second, second, count);
  std::memcpy(s.first_exponents, first_exponents, blocks);
  std::memcpy(s.second_exponents, second_exponents, blocks);
}

inline void update_compact(const AdamWFactors& f, const CompactStretch& s) {
  PackBits sequences[sequence_packs];
  for (std::size_t at = 0; at < s.count; at += group_elements) {
    begin_sequences((s.begin + at) / group_elements, s.stream, s.key, sequences);
    const std::size_t left = s.count - at;
    if (left >= group_elements)
      update_group(f, group_at(s, at), sequences);
    else
      update_first(f, group_at(s, at), left, sequences);
  }
}

}  // namespace adamw_pass
}  // namespace VISPLAY_ISA
}  // namespace visplay
