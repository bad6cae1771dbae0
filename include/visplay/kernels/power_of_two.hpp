// 2^y of a pack, and what it takes: the exponentials of log_probs and attention.
#pragma once

#include <visplay/core/pack.hpp>
#include <visplay/kernels/both.hpp>

#include <initializer_list>

namespace visplay {
inline namespace VISPLAY_ISA {

#if defined(__AVX512F__) && !defined(__clang__)
constexpr bool scales_powers =
    true;  // an instruction scales by powers of two, to 0 and to infinity
#else
constexpr bool scales_powers = false;
#endif

#if defined(__AVX512F__) || (defined(__AVX2__) && defined(__FMA__))
constexpr bool multiply_add_rounds_once = true;
#else
constexpr bool multiply_add_rounds_once = false;
#endif

/// a b + c, rounded once where there is such an instruction, whatever the unit's floating-point flags.
inline Pack::Lanes multiply_add(const Pack::Lanes& a, const Pack::Lanes& b, const Pack::Lanes& c) {
#if defined(__AVX512F__)
  constexpr int as_it_is = 4;
  return __builtin_ia32_vfmaddps512_mask(a, b, c, (unsigned short)(-1), as_it_is);
#elif defined(__AVX2__) && defined(__FMA__)
  return __builtin_ia32_vfmaddps256(a, b, c);
#else
  return a * b + c;
#endif
}

/// a > b ? a : b, in one instruction: b where one of them is NaN.
inline Pack::Lanes larger(const Pack::Lanes& a, const Pack::Lanes& b) {
#if defined(__clang__)
  return a > b ? a : b;
#elif defined(__AVX512F__)
  constexpr int round_to_nearest = 4;
  return __builtin_ia32_maxps512_mask(a, b, Pack::Lanes{}, (unsigned short)(-1), round_to_nearest);
#elif defined(__AVX2__)
  return __builtin_ia32_maxps256(a, b);
#elif defined(__SSE2__)
  return __builtin_ia32_maxps(a, b);
#else
  return a > b ? a : b;
#endif
}

/// a < b ? a : b, likewise.
inline Pack::Lanes smaller(const Pack::Lanes& a, const Pack::Lanes& b) {
#if defined(__clang__)
  return a < b ? a : b;
#elif defined(__AVX512F__)
  constexpr int round_to_nearest = 4;
  return __builtin_ia32_minps512_mask(a, b, Pack::Lanes{}, (unsigned short)(-1), round_to_nearest);
#elif defined(__AVX2__)
  return __builtin_ia32_minps256(a, b);
#elif defined(__SSE2__)
  return __builtin_ia32_minps(a, b);
#else
  return a < b ? a : b;
#endif
}

/// y, at least so large that its power is as good as zero, and times y too. NaN stays.
inline Pack::Lanes bounded_below(const Pack::Lanes& y) {
  return larger(Pack::Lanes{} - (scales_powers ? 1000.f : 126.f), y);
}

#if defined(__AVX512F__) && !defined(__clang__)
/// 2^y for y that is not infinite, relative error below 2e-7; infinity from 128. A polynomial of
/// y - floor(y), scaled by 2^floor(y): two instructions beside the five of the polynomial.
inline Pack::Lanes power_of_two(const Pack::Lanes& y) {
  constexpr int less_floor = 1, as_it_is = 4;
  const Pack::Lanes f = __builtin_ia32_reduceps512_mask_round(y, less_floor, Pack::Lanes{},
                                                              (unsigned short)(-1), as_it_is);
  Pack::Lanes p = Pack(0.00187757669f).v;
  for (const float next : {0.00898933969f, 0.0558263175f, 0.240153611f, 0.693153083f, 0.99999994f})
    p = multiply_add(p, f, Pack(next).v);
  return __builtin_ia32_scalefps512_mask(p, y, Pack::Lanes{}, (unsigned short)(-1), as_it_is);
}
inline Both<Pack::Lanes> power_of_two(const Both<Pack::Lanes>& y) {
  return {power_of_two(y.a), power_of_two(y.b)};
}
#else
/// 2^t for t in [-126, 127], relative error below 2e-7.
template <class Floats, class Integers>
inline Floats power_in_range(const Floats& t) {
  constexpr float to_integer = 12582912.f + 127.f;  // 1.5 * 2^23, and the exponent of 1
  const Floats shifted = t + to_integer, n = shifted - to_integer, f = t - n;
  Floats p = f * 0.00132669706f + 0.00967545994f;
  p = p * f + 0.0555074252f;
  p = p * f + 0.240226217f;
  p = p * f + 0.693146944f;
  p = p * f + 1.00000012f;
  return p * bits_as<Floats>(bits_as<Integers>(shifted) << 23);  // a NaN of any bits stays one
}
/// 2^y for y that is bounded below; from 127 on so large that a sum shows it.
inline Pack::Lanes power_of_two(const Pack::Lanes& y) {
  return power_in_range<Pack::Lanes, PackIntegers>(smaller(Pack::Lanes{} + 127.f, y));
}
inline Both<Pack::Lanes> power_of_two(const Both<Pack::Lanes>& y) {
  using Floats = Both<Pack::Lanes>;
  using Integers = Both<PackIntegers>;
  const Pack::Lanes most = Pack::Lanes{} + 127.f;
  return power_in_range<Floats, Integers>(Floats{smaller(most, y.a), smaller(most, y.b)});
}
#endif

}  // namespace VISPLAY_ISA
}  // namespace visplay
