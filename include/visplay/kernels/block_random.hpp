// The random bits of compact AdamW: a word of 32 for each two neighbours of a tensor, the same on every
// level and device. Sixteen numbers of Philox 4x32-10 (core/rng.hpp) a group of 512 elements, each the
// beginning of a xorshift sequence (Marsaglia, "Xorshift RNGs", 2003) of sixteen words. Every word is
// uniform, since each step is one to one; what its neighbours get is unrelated.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/core/rng.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace visplay {

constexpr int random_sequences = 16;                 // of a group
constexpr int random_words = 16 * random_sequences;  // of a group

/// U: std::uint32_t or a vector of them.
template <class U>
VISPLAY_HD constexpr U next_random(U x) {
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return x;
}

/// Where sequence s of a group begins: 2 i + j and 8 + 2 i + j with words j and 2 + j of the group's
/// counter i, for j in {0, 1}.
VISPLAY_HD constexpr std::uint32_t first_random(std::uint64_t group,
                                                std::array<std::uint32_t, 2> stream,
                                                std::uint64_t key, int sequence) {
  const std::uint64_t counter = group * 4 + std::uint64_t(sequence % 8 / 2);
  const auto words =
      philox_4x32_10({std::uint32_t(counter), std::uint32_t(counter >> 32), stream[0], stream[1]},
                     {std::uint32_t(key), std::uint32_t(key >> 32)});
  return words[std::size_t(sequence / 8 * 2 + sequence % 2)];
}
/// Word w of a group is number w / 16 of sequence w % 16.
VISPLAY_HD constexpr std::uint32_t random_word(std::uint64_t group,
                                               std::array<std::uint32_t, 2> stream,
                                               std::uint64_t key, int w) {
  std::uint32_t x = first_random(group, stream, key, w % random_sequences);
  for (int step = w / random_sequences; step > 0; --step) x = next_random(x);
  return x;
}

}  // namespace visplay
