// Registers of 16-bit lanes: the upper halves of words, as bfloat16 and as bytes on their way to floats
// and back, twice as many to a register as floats. Lanes are in the order of memory: of two packs next to
// each other (two_packs.hpp) the first has the even ones, the second the odd ones.
#pragma once

#include <visplay/core/pack.hpp>

#include <bit>
#include <cstdint>
#include <cstring>
#include <utility>

namespace visplay {
inline namespace VISPLAY_ISA {

using Halves = std::int16_t __attribute__((vector_size(VISPLAY_REGISTER_BYTES)));
using Bytes = std::uint8_t __attribute__((vector_size(VISPLAY_REGISTER_BYTES)));
constexpr int half_lanes = 2 * Pack::lanes;

/// The upper halves of words.
inline Halves join_upper(const PackIntegers& even, const PackIntegers& odd) {
  using Words = std::uint32_t __attribute__((vector_size(VISPLAY_REGISTER_BYTES)));
  const auto blend =
      []<int... i>(const Halves& a, const Halves& b, std::integer_sequence<int, i...>) {
    return Halves(__builtin_shufflevector(a, b, (i % 2 == 0 ? i : i + half_lanes)...));
  };
  return blend(Halves(Words(even) >> 16), Halves(odd),
               std::make_integer_sequence<int, half_lanes>{});
}
/// Floats with these upper halves, and zeros below.
inline void split_upper(const Halves& x, Pack::Lanes& even, Pack::Lanes& odd) {
  const auto words = PackIntegers(x);
  even = std::bit_cast<Pack::Lanes>(words << 16), odd = std::bit_cast<Pack::Lanes>(words & -65536);
}

namespace halves_detail {

using Chars = char __attribute__((vector_size(half_lanes)));
using SignedBytes = std::int8_t __attribute__((vector_size(half_lanes)));
using UnsignedBytes = std::uint8_t __attribute__((vector_size(half_lanes)));

template <class Narrow>
inline Narrow narrow_from(const std::uint8_t* from) {
  Narrow bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  return bytes;
}

}  // namespace halves_detail

/// From half_lanes bytes. g++ 12 has no short way of its own.
inline Halves load_bytes(const std::uint8_t* from) {
  using namespace halves_detail;
#if defined(__AVX512BW__) && !defined(__clang__)
  return Halves(__builtin_ia32_pmovzxbw512_mask(narrow_from<Chars>(from), Halves{}, -1u));
#elif VISPLAY_REGISTER_BYTES == 32 && !defined(__clang__)
  return Halves(__builtin_ia32_pmovzxbw256(narrow_from<Chars>(from)));
#else
  return __builtin_convertvector(narrow_from<UnsignedBytes>(from), Halves);
#endif
}
inline Halves load_signed_bytes(const std::uint8_t* from) {
  using namespace halves_detail;
#if defined(__AVX512BW__) && !defined(__clang__)
  return Halves(__builtin_ia32_pmovsxbw512_mask(narrow_from<Chars>(from), Halves{}, -1u));
#elif VISPLAY_REGISTER_BYTES == 32 && !defined(__clang__)
  return Halves(__builtin_ia32_pmovsxbw256(narrow_from<Chars>(from)));
#else
  return __builtin_convertvector(narrow_from<SignedBytes>(from), Halves);
#endif
}

template <class Lanes>
inline Lanes larger(const Lanes& a, const Lanes& b) {
  return a > b ? a : b;
}

// The instructions that pack bytes work within 128 bits each.
#if defined(__AVX512BW__) && !defined(__clang__)
#define VISPLAY_PACK_BYTES(instruction, a, b)                                                      \
  __builtin_shufflevector(                                                                         \
      WideLanes(__builtin_ia32_##instruction##512_mask(a, b, WideChars{}, -1ull)), WideLanes{}, 0, \
      2, 4, 6, 1, 3, 5, 7)
#elif VISPLAY_REGISTER_BYTES == 32 && !defined(__clang__)
#define VISPLAY_PACK_BYTES(instruction, a, b)                                                    \
  __builtin_shufflevector(WideLanes(__builtin_ia32_##instruction##256(a, b)), WideLanes{}, 0, 2, \
                          1, 3)
#elif VISPLAY_REGISTER_BYTES == 16 && defined(__SSE2__) && !defined(__clang__)
#define VISPLAY_PACK_BYTES(instruction, a, b) __builtin_ia32_##instruction##128(a, b)
#endif

namespace halves_detail {

using WideLanes = long long __attribute__((vector_size(VISPLAY_REGISTER_BYTES)));
using WideChars = char __attribute__((vector_size(VISPLAY_REGISTER_BYTES)));

/// The lower eight bits of each lane.
inline void store_lower(std::uint8_t* to, const Halves& x) {
  const auto bytes = __builtin_convertvector(x, UnsignedBytes);
  std::memcpy(to, &bytes, sizeof bytes);
}

}  // namespace halves_detail

/// 2 half_lanes bytes from lanes below 256; 0 from those below 0.
inline void store_bytes(std::uint8_t* to, const Halves& a, const Halves& b) {
  using namespace halves_detail;
#ifdef VISPLAY_PACK_BYTES
  const auto bytes = VISPLAY_PACK_BYTES(packuswb, a, b);
  std::memcpy(to, &bytes, sizeof bytes);
#else
  store_lower(to, larger(a, Halves{})), store_lower(to + half_lanes, larger(b, Halves{}));
#endif
}
/// From lanes in [-128, 127].
inline void store_signed_bytes(std::uint8_t* to, const Halves& a, const Halves& b) {
  using namespace halves_detail;
#ifdef VISPLAY_PACK_BYTES
  const auto bytes = VISPLAY_PACK_BYTES(packsswb, a, b);
  std::memcpy(to, &bytes, sizeof bytes);
#else
  store_lower(to, a), store_lower(to + half_lanes, b);
#endif
}
#undef VISPLAY_PACK_BYTES

/// Of each two bytes next to each other the larger.
inline Halves larger_bytes(const Bytes& x) {
  using Unsigned = std::uint16_t __attribute__((vector_size(VISPLAY_REGISTER_BYTES)));
  return larger(Halves(Unsigned(x) & 0xFF), Halves(Unsigned(x) >> 8));
}

namespace halves_detail {

constexpr int quarter = half_lanes / 4;

/// Of a and of b, the larger of each lane of the lower half and its like in the upper: a's results, then b's.
template <int... i>
inline Halves fold_two(const Halves& a, const Halves& b, std::integer_sequence<int, i...>) {
  constexpr int half = half_lanes / 2;
  return larger(Halves(__builtin_shufflevector(a, b, (i + i / half * half)...)),
                Halves(__builtin_shufflevector(a, b, (i + i / half * half + half)...)));
}
/// The same of the halves of a and b, which become quarters: a's first, b's first, a's second, b's second.
template <int... i>
inline Halves fold_four(const Halves& a, const Halves& b, std::integer_sequence<int, i...>) {
  constexpr auto from = [](int lane) {
    const int q = lane / quarter;
    return lane % quarter + q / 2 * (half_lanes / 2) + q % 2 * half_lanes;
  };
  return larger(Halves(__builtin_shufflevector(a, b, from(i)...)),
                Halves(__builtin_shufflevector(a, b, (from(i) + quarter)...)));
}
/// The largest of each quarter in all its lanes.
template <int distance = quarter / 2, int... i>
inline Halves fold_quarters(const Halves& x, std::integer_sequence<int, i...> lanes) {
  if constexpr (distance == 0)
    return x;
  else
    return fold_quarters<distance / 2>(
        larger(x, Halves(__builtin_shufflevector(x, x, (i ^ distance)...))), lanes);
}

}  // namespace halves_detail

using FourIntegers = std::int32_t __attribute__((vector_size(16)));

/// The largest lane of each.
inline FourIntegers largest_lanes(const Halves (&x)[4]) {
  using namespace halves_detail;
  constexpr auto lanes = std::make_integer_sequence<int, half_lanes>{};
  const Halves all = fold_quarters(
      fold_four(fold_two(x[0], x[1], lanes), fold_two(x[2], x[3], lanes), lanes), lanes);
  return FourIntegers{all[0], all[2 * quarter], all[quarter], all[3 * quarter]};
}

}  // namespace VISPLAY_ISA
}  // namespace visplay
