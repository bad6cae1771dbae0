// Packs from and to narrower numbers in memory: bfloat16 and float16.
#pragma once

#include <visplay/core/bfloat16.hpp>
#include <visplay/core/float16.hpp>
#include <visplay/core/pack.hpp>

#include <bit>
#include <cstdint>
#include <cstring>

namespace visplay {
inline namespace VISPLAY_ISA {

using NarrowLanes = std::uint16_t __attribute__((vector_size(Pack::lanes * 2)));

inline PackIntegers widen(const NarrowLanes& x) {
#if defined(__AVX512F__) && !defined(__clang__)  // g++ 12 takes five instructions otherwise
  using Shorts = short __attribute__((vector_size(32)));
  return __builtin_ia32_pmovzxwd512_mask(Shorts(x), PackIntegers{}, (unsigned short)(-1));
#elif defined(__AVX2__) && !defined(__clang__)
  using Shorts = short __attribute__((vector_size(16)));
  return __builtin_ia32_pmovzxwd256(Shorts(x));
#else
  return __builtin_convertvector(x, PackIntegers);
#endif
}

inline Pack load(const BFloat16* from) {
  NarrowLanes bits;
  std::memcpy(&bits, from, sizeof bits);
  return Pack(std::bit_cast<Pack::Lanes>(widen(bits) << 16));
}

inline Pack load(const Float16* from) {
#if defined(__AVX512F__) && !defined(__clang__)
  using Halves = short __attribute__((vector_size(32)));
  constexpr int as_it_is = 4;
  Halves bits;
  std::memcpy(&bits, from, sizeof bits);
  return Pack(
      __builtin_ia32_vcvtph2ps512_mask(bits, Pack::Lanes{}, (unsigned short)(-1), as_it_is));
#elif defined(__F16C__) && defined(__AVX2__) && !defined(__clang__)
  using Halves = short __attribute__((vector_size(16)));
  Halves bits;
  std::memcpy(&bits, from, sizeof bits);
  return Pack(__builtin_ia32_vcvtph2ps256(bits));
#else
  Pack p;
  for (int i = 0; i < Pack::lanes; ++i) p[i] = from[i];
  return p;
#endif
}
/// Rounded to nearest even.
inline void store(Float16* to, const Pack& p) {
  [[maybe_unused]] constexpr int to_nearest = 0;
#if defined(__AVX512F__) && !defined(__clang__)
  using Halves = short __attribute__((vector_size(32)));
  const auto bits =
      Halves(__builtin_ia32_vcvtps2ph512_mask(p.v, to_nearest, Halves{}, (unsigned short)(-1)));
  std::memcpy(static_cast<void*>(to), &bits, sizeof bits);
#elif defined(__F16C__) && defined(__AVX2__) && !defined(__clang__)
  const auto bits = __builtin_ia32_vcvtps2ph256(p.v, to_nearest);
  std::memcpy(static_cast<void*>(to), &bits, sizeof bits);
#else
  for (int i = 0; i < Pack::lanes; ++i) to[i] = Float16(p[i]);
#endif
}

}  // namespace VISPLAY_ISA
}  // namespace visplay
