// bfloat16: the upper half of a float, for storage. Arithmetic is in float; storing rounds to the
// nearest, ties to even.
#pragma once

#include <visplay/core/macros.hpp>

#include <bit>
#include <cstdint>

namespace visplay {

struct bfloat16 {
  std::uint16_t bits = 0;

  bfloat16() = default;
  VISPLAY_HD explicit bfloat16(float value) {
    const auto whole = std::bit_cast<std::uint32_t>(value);
    const bool nan = (whole & 0x7fffffffu) > 0x7f800000u;
    bits =
        nan ? std::uint16_t(0x7fc0) : std::uint16_t((whole + 0x7fffu + ((whole >> 16) & 1u)) >> 16);
  }
  VISPLAY_HD explicit operator float() const {
    return std::bit_cast<float>(std::uint32_t(bits) << 16);
  }
};
static_assert(sizeof(bfloat16) == 2);

}  // namespace visplay
