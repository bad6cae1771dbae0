// The sequences of block_random.hpp in whole registers: Philox with one counter a 64-bit lane.
#pragma once

#include <visplay/core/pack.hpp>
#include <visplay/kernels/block_random.hpp>
#include <visplay/kernels/lanes.hpp>

#include <array>
#include <cstdint>

namespace visplay {

inline namespace VISPLAY_ISA {

using WideIntegers = std::uint64_t __attribute__((vector_size(VISPLAY_REGISTER_BYTES)));

/// The products of the lower halves of each lane.
inline WideIntegers multiply_lower(const WideIntegers& a, const WideIntegers& b) {
#if defined(__AVX512F__) && !defined(__clang__)
  using Words = std::int32_t __attribute__((vector_size(64)));
  using Wide = long long __attribute__((vector_size(64)));
  return WideIntegers(
      __builtin_ia32_pmuludq512_mask(Words(a), Words(b), Wide{}, (unsigned char)(-1)));
#elif defined(__AVX2__) && !defined(__clang__)
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

/// The first numbers of a block's sequences, of the blocks 2 pair and 2 pair + 1.
inline void begin_sequences(std::uint64_t pair, std::array<std::uint32_t, 2> stream,
                            std::uint64_t key, PackBits (&out)[2][sequence_packs]) {
  constexpr int counters = Pack::lanes / 2;  // at a time
  constexpr WideIntegers none{};
  const WideIntegers lower = none + 0xFFFFFFFFull;
  WideIntegers lane;
  for (int i = 0; i < counters; ++i) lane[i] = std::uint64_t(i);
  for (int part = 0; part < sequence_packs; ++part) {
    const std::uint64_t first = pair * 8 + std::uint64_t(part * counters);
    WideIntegers c0 = lane + std::uint64_t(std::uint32_t(first)), c1 = none + (first >> 32),
                 c2 = none + stream[0], c3 = none + stream[1];
    auto k0 = std::uint32_t(key), k1 = std::uint32_t(key >> 32);
    for (int round = 0; round < 10; ++round) {
      // The upper halves hold rubbish, which a product does not see.
      const WideIntegers a = multiply_lower(c0, none + 0xD2511F53ull);
      const WideIntegers b = multiply_lower(c2, none + 0xCD9E8D57ull);
      c0 = (b >> 32) ^ c1 ^ k0, c1 = b;
      c2 = (a >> 32) ^ c3 ^ k1, c3 = a;
      k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    out[0][part] = PackBits((c0 & lower) | (c1 << 32));
    out[1][part] = PackBits((c2 & lower) | (c3 << 32));
  }
}

}  // namespace VISPLAY_ISA
}  // namespace visplay
