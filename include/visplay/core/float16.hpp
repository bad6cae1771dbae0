// Float16: IEEE 754's half precision, as some checkpoints store weights. A type for storage: read it
// as a float, compute, round once.
#pragma once

#include <visplay/core/macros.hpp>

#include <bit>
#include <cstdint>

namespace visplay {

struct Float16 {
  std::uint16_t bits = 0;

  Float16() = default;
  /// Rounds to nearest, ties to even; infinity from 65,520. NaN stays NaN.
  VISPLAY_HD explicit Float16(float value) {
#ifdef __CUDA_ARCH__
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
#else
    constexpr std::uint32_t infinity = 0x7F800000, smallest_normal = 0x38800000;  // 2^-14
    const auto whole = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t size = whole & 0x7FFFFFFF;
    std::uint32_t half = 0;
    if (size > infinity) {
      half = 0x7E00;
    } else if (size < smallest_normal) {  // a float at 1/2 has the steps of the smallest halves
      half = std::bit_cast<std::uint32_t>(std::bit_cast<float>(size) + 0.5f) & 0x7FF;
    } else {
      half = (size - 0x38000000 + 0xFFF + ((size >> 13) & 1)) >> 13;
      if (half > 0x7C00) half = 0x7C00;
    }
    bits = std::uint16_t(half | ((whole >> 16) & 0x8000));
#endif
  }
  /// Exact.
  VISPLAY_HD operator float() const {
#ifdef __CUDA_ARCH__
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
#else
    const std::uint32_t size = std::uint32_t(bits & 0x7FFF) << 13, sign = bits & 0x8000u;
    std::uint32_t whole = size + 0x38000000;
    if (size >= 0x7C00u << 13) whole = size | 0x7F800000;
    if (size < 0x400u << 13) whole = std::bit_cast<std::uint32_t>(float(bits & 0x3FF) * 0x1p-24f);
    return std::bit_cast<float>(whole | sign << 16);
#endif
  }
};
static_assert(sizeof(Float16) == 2);

}  // namespace visplay
