// The sequences of block_random.hpp in whole registers: Philox with one counter a 64-bit lane.
#pragma once

#include <visplay/core/pack.hpp>
#include <visplay/kernels/block_random.hpp>
#include <visplay/kernels/lanes.hpp>

#include <array>
#include <cstdint>
#include <cstring>

namespace visplay {

inline namespace VISPLAY_ISA {

/// Counters: the four of a group, or as many as fit a register.
constexpr int counters_at_once = VISPLAY_REGISTER_BYTES >= 32 ? 4 : 2;
using WideIntegers = std::uint64_t __attribute__((vector_size(8 * counters_at_once)));

/// The products of the lower halves of each lane.
inline WideIntegers multiply_lower(const WideIntegers& a, const WideIntegers& b) {
#if defined(__AVX2__) && !defined(__clang__)
  using Words = std::int32_t __attribute__((vector_size(32)));
  return WideIntegers(__builtin_ia32_pmuludq256(Words(a), Words(b)));
#elif defined(__SSE2__) && !defined(__clang__)
  using Words = std::int32_t __attribute__((vector_size(16)));
  return WideIntegers(__builtin_ia32_pmuludq128(Words(a), Words(b)));
#else
  return (a & 0xFFFFFFFFull) * (b & 0xFFFFFFFFull);
#endif
}

constexpr int sequence_packs = random_sequences / Pack::lanes;

/// The first words of a group's sequences.
inline void begin_sequences(std::uint64_t group, std::array<std::uint32_t, 2> stream,
                            std::uint64_t key, PackBits (&out)[sequence_packs]) {
  std::uint64_t words[2][4];  // two words each
  static_assert(sizeof words == sizeof out);
  constexpr WideIntegers none{};
  const WideIntegers lower = none + 0xFFFFFFFFull;
  for (int counter = 0; counter < 4; counter += counters_at_once) {
    const std::uint64_t first = group * 4 + std::uint64_t(counter);
    WideIntegers lane;
    for (int i = 0; i < counters_at_once; ++i) lane[i] = std::uint64_t(i);
    WideIntegers c0 = lane + std::uint64_t(std::uint32_t(first)), c1 = none + (first >> 32),
                 c2 = none + stream[0], c3 = none + stream[1];
    WideIntegers k0 = none + std::uint32_t(key), k1 = none + (key >> 32);
    for (int round = 0; round < 10; ++round) {
      // The upper halves hold rubbish, which a product does not see.
      const WideIntegers a = multiply_lower(c0, none + 0xD2511F53ull);
      const WideIntegers b = multiply_lower(c2, none + 0xCD9E8D57ull);
      c0 = (b >> 32) ^ c1 ^ k0, c1 = b;
      c2 = (a >> 32) ^ c3 ^ k1, c3 = a;
      k0 += 0x9E3779B9ull, k1 += 0xBB67AE85ull;
    }
    const WideIntegers pairs[2] = {(c0 & lower) | (c1 << 32), (c2 & lower) | (c3 << 32)};
    for (int i = 0; i < 2; ++i) std::memcpy(&words[i][counter], &pairs[i], sizeof pairs[i]);
  }
  std::memcpy(out, words, sizeof words);
}

}  // namespace VISPLAY_ISA
}  // namespace visplay
