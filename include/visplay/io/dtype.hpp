// DType: element types of tensors in files, and the conversions of 16-bit floats.
//
//   const auto type = dtype_named("BF16");        // DType::bf16
//   const float x = bfloat16_to_float(bits);      // exact
#pragma once

#include <visplay/core/macros.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace visplay {

/// Element types of safetensors that fill whole bytes, in the order of the format (Rust) crate.
// clang-format off
enum class DType {
  boolean, u8, i8, f8_e5m2, f8_e4m3, f8_e8m0, i16, u16, f16, bf16, i32, u32, f32, c64, f64, i64, u64
};
// clang-format on

[[nodiscard]] std::size_t byte_size(DType dtype);
[[nodiscard]] std::string_view name_of(DType dtype);  ///< as in a file: "BF16"
/// Empty for a type that the enumeration lacks, those below a byte among them.
[[nodiscard]] std::optional<DType> dtype_named(std::string_view name);

[[nodiscard]] float half_to_float(std::uint16_t bits);
[[nodiscard]] float bfloat16_to_float(std::uint16_t bits);
[[nodiscard]] std::uint16_t float_to_bfloat16(float value);  ///< rounds to nearest even

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/io/dtype.ipp>
#endif
