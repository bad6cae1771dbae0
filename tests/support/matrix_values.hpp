// A matrix for tests of kernels.
#pragma once

#include <visplay/core/float16.hpp>
#include <visplay/core/rng.hpp>
#include <visplay/kernels/float_matrix.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace visplay::testing {

/// A matrix in the storage of a kernel, and the very same values in double.
struct Values {
  FloatType type;
  std::int64_t rows, columns, stride;
  std::vector<std::byte> bytes;

  Values(FloatType type, std::int64_t rows, std::int64_t columns, std::int64_t padding = 0)
      : type(type),
        rows(rows),
        columns(columns),
        stride(columns + padding),
        bytes(std::size_t(rows * stride * size()), std::byte{0x3f}) {}
  static Values random(FloatType type, std::int64_t rows, std::int64_t columns, double scale,
                       Rng rng) {
    Values v(type, rows, columns, 3);
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < columns; ++c) v.set(r, c, float(scale * rng.normal()));
    return v;
  }

  [[nodiscard]] std::int64_t size() const { return bytes_of(type); }
  void set(std::int64_t r, std::int64_t c, float x) {
    auto bits = std::bit_cast<std::uint32_t>(x);
    if (type == FloatType::bfloat16) bits >>= 16;
    if (type == FloatType::float16) bits = Float16(x).bits;
    std::memcpy(&bytes[std::size_t((r * stride + c) * size())], &bits, std::size_t(size()));
  }
  [[nodiscard]] double operator()(std::int64_t r, std::int64_t c) const {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &bytes[std::size_t((r * stride + c) * size())], std::size_t(size()));
    if (type == FloatType::float16)
      return double(float(std::bit_cast<Float16>(std::uint16_t(bits))));
    return double(std::bit_cast<float>(type == FloatType::bfloat16 ? bits << 16 : bits));
  }
  [[nodiscard]] FloatMatrix view() const { return {bytes.data(), type, rows, columns, stride}; }
  [[nodiscard]] MutableFloatMatrix view() { return {bytes.data(), type, rows, columns, stride}; }
};

}  // namespace visplay::testing
