// Which random bits belong to which element: 16 bits a number, from Philox 4x32-10 (core/rng.hpp).
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/core/rng.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace visplay {

/// 128 numbers of 16 bits; which bits of which counter a number gets does not depend on the level.
/// Number e takes, with s = e / 64, p = e % 64 / 16 and l = e % 16, from counter first + 8 s + l / 2
/// word 2 (p / 2) + l % 2, of it the low half if p is even, else the high one.
constexpr int philox_numbers = 128;

constexpr std::int32_t philox_number(std::uint64_t first, std::array<std::uint32_t, 2> stream,
                                     std::uint64_t key, int e) {
  const int piece = e % 64 / 16, lane = e % 16;
  const std::uint64_t counter = first + std::uint64_t(e / 64 * 8 + lane / 2);
  const auto words =
      philox_4x32_10({std::uint32_t(counter), std::uint32_t(counter >> 32), stream[0], stream[1]},
                     {std::uint32_t(key), std::uint32_t(key >> 32)});
  return std::int32_t(words[std::size_t(piece / 2 * 2 + lane % 2)] >> (piece % 2 * 16) & 0xFFFF);
}

}  // namespace visplay
