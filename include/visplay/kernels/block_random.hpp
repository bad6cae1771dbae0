// The random bits of compact AdamW: 32 for each element of a block of 128, the same on every level and
// device. Sixteen numbers of Philox 4x32-10 (core/rng.hpp) a block, each the beginning of a xorshift
// sequence (Marsaglia, "Xorshift RNGs", 2003) that eight elements take one after the other. Every
// element's bits are uniform, since each step is one to one; what its neighbours get is unrelated.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/core/rng.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace visplay {

constexpr int random_sequences = 16;  // of a block

/// U: std::uint32_t or a vector of them.
template <class U>
VISPLAY_HD constexpr U next_random(U x) {
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return x;
}

/// Element e takes number 2 (e / 32) + e % 2 of sequence e % 32 / 2: two neighbours, which are one
/// word of bfloat16, differ by a step. The sequences of two blocks are the words of eight counters.
VISPLAY_HD constexpr std::uint32_t block_random(std::uint64_t block,
                                                std::array<std::uint32_t, 2> stream,
                                                std::uint64_t key, int e) {
  const int sequence = e % 32 / 2;
  const std::uint64_t counter = block / 2 * 8 + std::uint64_t(sequence / 2);
  const auto words =
      philox_4x32_10({std::uint32_t(counter), std::uint32_t(counter >> 32), stream[0], stream[1]},
                     {std::uint32_t(key), std::uint32_t(key >> 32)});
  std::uint32_t x = words[std::size_t(block % 2 * 2) + std::size_t(sequence % 2)];
  for (int step = e / 32 * 2 + e % 2; step > 0; --step) x = next_random(x);
  return x;
}

}  // namespace visplay
