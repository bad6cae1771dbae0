// BFloat16: the upper half of a float's bits, as models store weights. A type for storage: read it
// as a float, compute, round once.
#pragma once

#include <visplay/core/macros.hpp>

#include <bit>
#include <cstdint>

namespace visplay {

struct BFloat16 {
  std::uint16_t bits = 0;

  BFloat16() = default;
  /// Rounds to nearest, ties to even. NaN stays NaN.
  VISPLAY_HD explicit BFloat16(float value) {
#ifdef __CUDA_ARCH__
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
#else
    const auto whole = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t rounded = whole + 0x7FFF + ((whole >> 16) & 1);
    bits = std::uint16_t((value == value ? rounded : whole | 0x400000) >> 16);
#endif
  }
  /// Exact.
  VISPLAY_HD operator float() const { return std::bit_cast<float>(std::uint32_t(bits) << 16); }
};
static_assert(sizeof(BFloat16) == 2);

}  // namespace visplay
