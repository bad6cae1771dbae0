// Bodies of io/dtype.hpp.
#pragma once

#include <visplay/io/dtype.hpp>

#include <array>
#include <bit>

namespace visplay {
namespace detail {

struct DTypeFacts {
  std::string_view name;
  std::size_t bytes;
};
// In the order of DType.
inline constexpr std::array<DTypeFacts, 17> dtype_facts{{{"BOOL", 1},
                                                         {"U8", 1},
                                                         {"I8", 1},
                                                         {"F8_E5M2", 1},
                                                         {"F8_E4M3", 1},
                                                         {"F8_E8M0", 1},
                                                         {"I16", 2},
                                                         {"U16", 2},
                                                         {"F16", 2},
                                                         {"BF16", 2},
                                                         {"I32", 4},
                                                         {"U32", 4},
                                                         {"F32", 4},
                                                         {"C64", 8},
                                                         {"F64", 8},
                                                         {"I64", 8},
                                                         {"U64", 8}}};

}  // namespace detail

VISPLAY_INLINE std::size_t byte_size(DType dtype) {
  return detail::dtype_facts.at(std::size_t(dtype)).bytes;
}

VISPLAY_INLINE std::string_view name_of(DType dtype) {
  return detail::dtype_facts.at(std::size_t(dtype)).name;
}

VISPLAY_INLINE std::optional<DType> dtype_named(std::string_view name) {
  for (std::size_t i = 0; i < detail::dtype_facts.size(); ++i)
    if (detail::dtype_facts[i].name == name) return DType(i);
  return std::nullopt;
}

VISPLAY_INLINE float half_to_float(std::uint16_t bits) {
  const std::uint32_t sign = std::uint32_t(bits & 0x8000) << 16, magnitude = bits & 0x7fff;
  if (magnitude >= 0x7c00)  // infinity and NaN keep their payload
    return std::bit_cast<float>(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
  if (magnitude < 0x400) {  // subnormal, in units of 2^-24
    const float value = float(magnitude) * 0x1p-24f;
    return sign != 0 ? -value : value;
  }
  return std::bit_cast<float>(sign | ((magnitude << 13) + (112u << 23)));
}

VISPLAY_INLINE float bfloat16_to_float(std::uint16_t bits) {
  return std::bit_cast<float>(std::uint32_t(bits) << 16);
}

VISPLAY_INLINE std::uint16_t float_to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return std::uint16_t(bits >> 16 | 0x40);  // stays NaN
  return std::uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

}  // namespace visplay
