// Packs from and to narrower numbers in memory: bfloat16 and bytes.
#pragma once

#include <visplay/core/bfloat16.hpp>
#include <visplay/core/pack.hpp>

#include <bit>
#include <cstdint>
#include <cstring>
#include <utility>

namespace visplay {
inline namespace VISPLAY_ISA {

using NarrowLanes = std::uint16_t __attribute__((vector_size(Pack::lanes * 2)));
using ByteLanes = std::uint8_t __attribute__((vector_size(Pack::lanes)));

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

namespace narrow_lanes_detail {
template <int... i>
inline NarrowLanes upper_halves(const PackIntegers& x, std::integer_sequence<int, i...>) {
  using Halves = std::uint16_t __attribute__((vector_size(VISPLAY_REGISTER_BYTES)));
  const auto halves = std::bit_cast<Halves>(x);
  return __builtin_shufflevector(halves, halves, (2 * i + 1)...);
}
}  // namespace narrow_lanes_detail

/// The upper 16 bits of each lane; the lower ones are cut off.
inline void store_upper(BFloat16* to, const PackIntegers& bits) {
  const auto narrow =
      narrow_lanes_detail::upper_halves(bits, std::make_integer_sequence<int, Pack::lanes>{});
  std::memcpy(static_cast<void*>(to), &narrow, sizeof narrow);
}

inline PackIntegers load(const std::uint8_t* from) {
#if defined(__AVX512F__) && !defined(__clang__)
  using Bytes = char __attribute__((vector_size(16)));
  Bytes bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  return __builtin_ia32_pmovzxbd512_mask(bytes, PackIntegers{}, (unsigned short)(-1));
#elif defined(__AVX2__) && !defined(__clang__)
  using Bytes = char __attribute__((vector_size(16)));
  Bytes bytes{};
  std::memcpy(&bytes, from, Pack::lanes);
  return __builtin_ia32_pmovzxbd256(bytes);
#else
  ByteLanes bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  return __builtin_convertvector(__builtin_convertvector(bytes, NarrowLanes), PackIntegers);
#endif
}
/// Integers in [0, 255].
inline void store(std::uint8_t* to, const PackIntegers& codes) {
  const auto bytes = __builtin_convertvector(codes, ByteLanes);
  std::memcpy(to, &bytes, sizeof bytes);
}

}  // namespace VISPLAY_ISA
}  // namespace visplay
