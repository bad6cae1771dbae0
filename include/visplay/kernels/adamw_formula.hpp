// The formulas of AdamW on one number or one register of them, and the 8-bit form of its moments.
//
//   m += (1 - beta1) (g - m)        v = beta2 v + (1 - beta2) g^2
//   w = (1 - rate decay) w - rate / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + eps)
//
// Compact moments: a byte an element and an exponent byte E a block of 128. With unit u = 2^(E - 127)
// a size code c stands for float(bits (E << 23) + (c << 20)) - u: zero for c = 0, steps of u / 8 at
// first, then 8 steps a binade. m has a sign bit and c < 128 (16 binades), v has c < 256 (32), and E
// is such that the largest of the block fits. Rounding is stochastic and unbiased: a v that decays by
// a thousandth a step would otherwise never leave its code. No v becomes zero, since the update
// divides by its root.
//
// F is float, a vector of them or Both of those, I the integers of the same width.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/kernels/both.hpp>

#include <cstddef>
#include <cstdint>

namespace visplay::adamw_detail {

constexpr std::size_t compact_block = 128;  // elements that share an exponent

/// The numbers of one step, as the loops use them.
struct AdamWFactors {
  float gradient_scale;  ///< of the clipping
  float keep;            ///< 1 - rate * decay
  float rate;            ///< rate / (1 - beta1^t)
  float beta1_rest, beta2, beta2_rest;
  float root_scale;  ///< 1 / sqrt(1 - beta2^t)
  float eps;
};

template <class F>
VISPLAY_HD inline void update_moments(const AdamWFactors& f, const F& gradient, F& first,
                                      F& second) {
  first = first + f.beta1_rest * (gradient - first);
  second = f.beta2 * second + f.beta2_rest * (gradient * gradient);
}

/// sqrt(x) for x >= 0, relative error below 3e-5. Arithmetic alone, so that it is the same on every
/// processor (the processors' own estimates are not): a guess y of 1 / sqrt(x) from the exponent's bits,
/// and x y (1 - e)^(-1/2) for e = 1 - x y^2, |e| < 0.07, by a polynomial.
template <class F, class I>
VISPLAY_HD inline F square_root(const F& x) {
  const F y = bits_as<F>(0x5F375A86 - (bits_as<I>(x) >> 1));
  const F root = x * y, e = 1.f - root * y;
  return root + root * (e * (0.5011f + 0.375f * e));
}

/// 1 / x for normal x > 0, relative error below 1.2e-5, likewise, by two steps of Newton's.
template <class F, class I>
VISPLAY_HD inline F inverse(const F& x) {
  F y = bits_as<F>(0x7EF127EA - bits_as<I>(x));
  y = y * (2.f - x * y);
  return y * (2.f - x * y);
}

/// m / (sqrt(v / (1 - beta2^t)) + eps), relative error below 4e-5.
template <class F, class I>
VISPLAY_HD inline F direction(const AdamWFactors& f, const F& first, const F& second) {
  return first * inverse<F, I>(square_root<F, I>(second) * f.root_scale + f.eps);
}

// An element's 32 random bits (U: unsigned I) serve three roundings. What two of them share are the
// lower of their bits in at least one, so that one hardly knows of the other.
template <class I, class U>
VISPLAY_HD inline I bits_for_weight(const U& random) {
  return bits_as<I>(random & 0xFFFFu);
}
template <class I, class U>
VISPLAY_HD inline I bits_for_first(const U& random) {
  return bits_as<I>(random >> 12);
}
template <class I, class U>
VISPLAY_HD inline I bits_for_second(const U& random) {
  return bits_as<I>(random & 0xFFFFFu);
}

/// Its upper half is a bfloat16, rounded up with the probability that makes the mean exact.
/// @param random  16 bits
template <class F, class I>
VISPLAY_HD inline I round_to_bfloat16(const F& x, const I& random) {
  return bits_as<I>(x) + random;
}

/// E of a block from the bits of its largest magnitude, which cannot round beyond the last code.
VISPLAY_HD inline std::int32_t block_exponent(std::int32_t largest, int binades) {
  const std::int32_t top = (largest + (1 << 20) + (1 << 9)) >> 23;
  return top - (binades - 1) < 1 ? 1 : top - (binades - 1);
}
VISPLAY_HD inline std::int32_t first_exponent(std::int32_t largest) {
  return block_exponent(largest, 16);
}
VISPLAY_HD inline std::int32_t second_exponent(std::int32_t largest) {
  return block_exponent(largest, 32);
}

/// Moments from their bytes. @param base  E << 23
template <class F, class I>
VISPLAY_HD inline F decode_second(const I& code, std::int32_t base) {
  return bits_as<F>((code << 20) + base) - bits_as<float>(base);
}
template <class F, class I>
VISPLAY_HD inline F decode_first(const I& code, std::int32_t base) {
  const F size = decode_second<F, I>(code & 0x7F, base);
  constexpr std::int32_t sign = -0x7FFFFFFF - 1;
  return bits_as<F>(bits_as<I>(size) | ((code << 24) & sign));
}

/// The size code of x >= 0. @param random  20 bits
template <class F, class I>
VISPLAY_HD inline I encode_size(const F& x, std::int32_t base, const I& random) {
  return (bits_as<I>(x + bits_as<float>(base)) - base + random) >> 20;
}
template <class F, class I>
VISPLAY_HD inline I encode_second(const F& x, std::int32_t base, const I& random) {
  const I code = encode_size(x, base, random), one = code - code + 1;
  return code > one ? code : one;
}
template <class F, class I>
VISPLAY_HD inline I encode_first(const F& x, std::int32_t base, const I& random) {
  const I bits = bits_as<I>(x);
  return encode_size(bits_as<F>(bits & 0x7FFFFFFF), base, random) | ((bits >> 24) & 0x80);
}

}  // namespace visplay::adamw_detail
