// TensorEntry: a tensor as a file holds it, by name.
//
//   for (const TensorEntry& tensor : file.entries()) const auto values = to_float(tensor);
#pragma once

#include <visplay/core/printable.hpp>
#include <visplay/io/dtype.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace visplay {

/// A tensor, row-major and little-endian. The bytes belong to the file that it came from or, when
/// writing, to the caller; they may be unaligned for the element type.
struct TensorEntry {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;  ///< empty for a scalar; a zero side is legal
  std::span<const std::byte> bytes;

  [[nodiscard]] std::int64_t numel() const;
};

/// Bytes of a tensor; empty if a side is negative or the product does not fit 63 bits.
[[nodiscard]] std::optional<std::uint64_t> tensor_bytes(std::span<const std::int64_t> shape,
                                                        DType dtype);

/// Converts F32, BF16, F16 or F64 to float32.
/// @param out  [numel]
/// @throws Error for another type or length
void copy_to_float(const TensorEntry& tensor, std::span<float> out);
[[nodiscard]] std::vector<float> to_float(const TensorEntry& tensor);

/// Less in the order in which people count: "layers.2" before "layers.10".
[[nodiscard]] bool natural_less(std::string_view a, std::string_view b);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/io/tensor_entry.ipp>
#endif
