// The formulas of AdamW on one number or one register of them, and the 8-bit form of its moments.
//
//   m = beta1 m + (1 - beta1) g        v = beta2 v + (1 - beta2) g^2
//   w = (1 - rate decay) w - rate / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + eps)
//
// Compact moments: a byte an element and an exponent byte E a block of 128. With s(c) the float of bits
// (128 << 23) + (c << 20), which is 2 for c = 0, code c stands for the size (s(c) - 2) 2^(E - 120): zero,
// then steps of 2^(E - 122), then 8 steps a binade. m has a sign bit and c < 128 (16 binades); a byte of v
// is c - 1 (32 binades), so that no v is zero, as the update divides by its root. Rounding is stochastic
// and unbiased: a v that decays by a thousandth a step would otherwise never leave its code.
//
// c is bits 4 to 11 of the upper half of s(c). So codes become floats, and floats codes, by way of halves,
// twice as many of which fit a register. H is a vector of 16-bit integers, or std::int32_t for one of
// them; F is float, a vector of them or Both of those, I the integers of the same width.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/kernels/both.hpp>

#include <cstddef>
#include <cstdint>

namespace visplay::adamw_detail {

constexpr std::size_t compact_block = 128;  // elements that share an exponent

/// The numbers of one step, as the loops use them.
struct AdamWFactors {
  float keep;  ///< 1 - rate * decay
  float rate;  ///< rate / (1 - beta1^t)
  float beta1, beta2;
  float first_share, second_share;  ///< 1 - beta1, sqrt(1 - beta2); times the scale of clipping
  float root_scale;                 ///< 1 / sqrt(1 - beta2^t)
  float eps;
};

/// Of gradients times `scale`.
VISPLAY_HD inline AdamWFactors clipped(AdamWFactors f, float scale) {
  f.first_share *= scale, f.second_share *= scale;
  return f;
}

/// @param decayed  beta1 m
template <class F>
VISPLAY_HD inline F next_first(const AdamWFactors& f, const F& decayed, const F& gradient) {
  return decayed + f.first_share * gradient;
}
/// @param decayed  beta2 v
template <class F>
VISPLAY_HD inline F next_second(const AdamWFactors& f, const F& decayed, const F& gradient) {
  const F root = f.second_share * gradient;
  return decayed + root * root;
}
/// What m is divided by. @param root  of v
template <class F>
VISPLAY_HD inline F divisor_of(const AdamWFactors& f, const F& root) {
  return root * f.root_scale + f.eps;
}
/// @param quotient  m / divisor
template <class F>
VISPLAY_HD inline F next_weight(const AdamWFactors& f, const F& weight, const F& quotient) {
  return f.keep * weight - f.rate * quotient;
}

/// The random bits of one element's three roundings.
template <class I>
struct RoundingBits {
  I weight;         ///< 16 bits
  I first, second;  ///< 20 bits
};

// A word of 32 random bits (U: unsigned I) serves two neighbours. What two numbers of an element share are
// the lower of their bits in at least one, so that one hardly knows of the other.
template <class I, class U>
VISPLAY_HD inline RoundingBits<I> bits_of_even(const U& word) {
  return {bits_as<I>(word & 0xFFFFu), bits_as<I>(word & 0xFFFFFu), bits_as<I>(word >> 12)};
}
template <class I, class U>
VISPLAY_HD inline RoundingBits<I> bits_of_odd(const U& word) {
  return {bits_as<I>((word >> 8) & 0xFFFFu), bits_as<I>(word >> 12), bits_as<I>(word & 0xFFFFFu)};
}

/// Its upper half is a bfloat16, rounded up with the probability that makes the mean exact.
/// @param random  16 bits
template <class F, class I>
VISPLAY_HD inline I round_to_bfloat16(const F& x, const I& random) {
  return bits_as<I>(x) + random;
}

/// E of a block from the bits of its largest magnitude, or of a bound of it, which cannot round beyond the
/// last code. E >= 0 keeps the smallest v a normal number.
template <class I>
VISPLAY_HD inline I block_exponent(const I& largest, int binades) {
  const I e = ((largest + ((1 << 20) + (1 << 9))) >> 23) - (binades + 7);
  return e > 0 ? e : e - e;
}
template <class I>
VISPLAY_HD inline I first_exponent(const I& largest) {
  return block_exponent(largest, 16);
}
template <class I>
VISPLAY_HD inline I second_exponent(const I& largest) {
  return block_exponent(largest, 32);
}
/// 2^(E - 120), and one over it.
template <class F, class I>
VISPLAY_HD inline F grain_of(const I& exponent) {
  return bits_as<F>((exponent + 7) << 23);
}
template <class F, class I>
VISPLAY_HD inline F inverse_grain_of(const I& exponent) {
  return bits_as<F>((247 - exponent) << 23);
}

/// The upper half of s(c), with m's sign. @param code  a signed byte
template <class H>
VISPLAY_HD inline H widen_first(const H& code) {
  return ((code << 4) & -0x7810) + 0x4000;  // the sign and seven bits
}
/// @param code  a byte of v, [0, 255]
template <class H>
VISPLAY_HD inline H widen_second(const H& code) {
  return (code << 4) + 0x4010;
}
/// The byte of m in the lower eight bits. @param upper  what encode_first made, its upper half
template <class H>
VISPLAY_HD inline H narrow_first(const H& upper) {
  return ((upper << 4) | (upper & -0x8000)) >> 8;
}
/// The byte of v; it is 0 where this is negative.
template <class H>
VISPLAY_HD inline H narrow_second(const H& upper) {
  return (upper - 0x4010) >> 4;
}

/// +-size, of x's sign.
template <class F, class I>
VISPLAY_HD inline F with_sign_of(const F& x, float size) {
  constexpr std::int32_t sign = -0x7FFFFFFF - 1;
  return bits_as<F>((bits_as<I>(x) & sign) | bits_as<std::int32_t>(size));
}
/// The moment of s(c), times a factor. @param grain  2^(E - 120), times the factor
template <class F, class I>
VISPLAY_HD inline F decode_first(const F& s, float grain) {
  return grain * s - with_sign_of<F, I>(s, 2 * grain);
}
template <class F, class Grain>
VISPLAY_HD inline F decode_second(const F& s, const Grain& grain) {
  return grain * s - 2.f * grain;
}
/// Its upper half is that of s(c), with m's sign, and of what is between codes. @param random  20 bits
template <class F, class I>
VISPLAY_HD inline I encode_first(const F& m, float inverse_grain, const I& random) {
  return bits_as<I>(inverse_grain * m + with_sign_of<F, I>(m, 2)) + random;
}
template <class F, class I>
VISPLAY_HD inline I encode_second(const F& v, float inverse_grain, const I& random) {
  return bits_as<I>(inverse_grain * v + 2.f) + random;
}

/// One moment from its byte, times the factor in the grain.
VISPLAY_HD inline float first_of(std::uint8_t byte, float grain) {
  const std::int32_t upper = widen_first(std::int32_t(std::int8_t(byte)));
  return decode_first<float, std::int32_t>(bits_as<float>(upper << 16), grain);
}
VISPLAY_HD inline float second_of(std::uint8_t byte, float grain) {
  return decode_second(bits_as<float>(widen_second(std::int32_t(byte)) << 16), grain);
}

}  // namespace visplay::adamw_detail
