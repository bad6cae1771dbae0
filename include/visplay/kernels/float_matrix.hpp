// FloatMatrix: a row-major matrix of float32, bfloat16 or float16 that someone else owns, as kernels
// take it.
#pragma once

#include <cstdint>
#include <string_view>

namespace visplay {

enum class FloatType { float32, bfloat16, float16 };

constexpr std::string_view name_of(FloatType type) {
  constexpr std::string_view names[] = {"float32", "bfloat16", "float16"};
  return names[int(type)];
}
constexpr std::int64_t bytes_of(FloatType type) { return type == FloatType::float32 ? 4 : 2; }

/// [rows, columns]; row r begins at element r * stride.
template <class Pointer>
struct BasicFloatMatrix {
  Pointer data = nullptr;
  FloatType type = FloatType::float32;
  std::int64_t rows = 0, columns = 0;
  std::int64_t stride = 0;  ///< in elements, >= columns
};

using FloatMatrix = BasicFloatMatrix<const void*>;
using MutableFloatMatrix = BasicFloatMatrix<void*>;

}  // namespace visplay
