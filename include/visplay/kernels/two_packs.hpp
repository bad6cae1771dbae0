// Two packs of narrow numbers at once, in the order in which words of memory hold them: of 2n numbers
// next to each other, the first pack gets the even ones and the second the odd ones. That costs fewer
// instructions than widening each half, and the order of a sum does not care.
#pragma once

#include <visplay/kernels/halves.hpp>
#include <visplay/kernels/lanes.hpp>
#include <visplay/kernels/narrow_lanes.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace visplay {
inline namespace VISPLAY_ISA {

/// Numbers wider than a half word keep their order: the first pack, then the second.
template <class Number>
inline void load_two(const Number* from, Pack::Lanes& a, Pack::Lanes& b) {
  a = load(from).v, b = load(from + Pack::lanes).v;
}
template <class Number>
inline void store_two(Number* to, const Pack::Lanes& a, const Pack::Lanes& b) {
  store(to, Pack(a)), store(to + Pack::lanes, Pack(b));
}

inline void load_two(const BFloat16* from, Pack::Lanes& a, Pack::Lanes& b) {
  Halves halves;
  std::memcpy(&halves, from, sizeof halves);
  split_upper(halves, a, b);
}
/// The upper halves; the lower ones are cut off.
inline void store_two_upper(BFloat16* to, const PackIntegers& a, const PackIntegers& b) {
  const Halves halves = join_upper(a, b);
  std::memcpy(static_cast<void*>(to), &halves, sizeof halves);
}
/// Rounded to nearest even; a NaN whose lower half is not zero may become another number.
inline void store_two(BFloat16* to, const Pack::Lanes& a, const Pack::Lanes& b) {
  const auto rounded = [](const Pack::Lanes& x) {
    const auto bits = std::bit_cast<PackIntegers>(x);
    return PackIntegers(bits + 0x7FFF + ((bits >> 16) & 1));
  };
  store_two_upper(to, rounded(a), rounded(b));
}

/// Asks for the lines of `bytes` a page of memory further on, where the processor's own guesses end.
template <std::size_t bytes>
inline void fetch_ahead(const void* from) {
  constexpr std::uintptr_t ahead = 4096, line = 64;
  const auto address = reinterpret_cast<std::uintptr_t>(from) + ahead;  // not always of an object
  for (std::uintptr_t at = 0; at < bytes; at += line)
    __builtin_prefetch(reinterpret_cast<const void*>(address + at));
}

}  // namespace VISPLAY_ISA
}  // namespace visplay
