// Bodies of io/tensor_entry.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/io/tensor_entry.hpp>

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <functional>
#include <numeric>

namespace visplay {

static_assert(std::endian::native == std::endian::little, "tensors in files are little-endian");

namespace detail {

template <class Bits, class Convert>
void convert_each(std::span<const std::byte> bytes, std::span<float> out, Convert convert) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    Bits bits;  // the file promises no alignment
    std::memcpy(&bits, bytes.data() + i * sizeof(Bits), sizeof(Bits));
    out[i] = convert(bits);
  }
}

}  // namespace detail

VISPLAY_INLINE std::int64_t TensorEntry::numel() const {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t(1), std::multiplies<>());
}

VISPLAY_INLINE std::optional<std::uint64_t> tensor_bytes(std::span<const std::int64_t> shape,
                                                         DType dtype) {
  std::int64_t bytes = std::int64_t(byte_size(dtype));
  for (const std::int64_t side : shape)
    if (side < 0 || __builtin_mul_overflow(bytes, side, &bytes)) return std::nullopt;
  return std::uint64_t(bytes);
}

VISPLAY_INLINE void copy_to_float(const TensorEntry& tensor, std::span<float> out) {
  check(out.size() * byte_size(tensor.dtype) == tensor.bytes.size(),
        "'{}': {} bytes do not give {} floats", printable(tensor.name), tensor.bytes.size(),
        out.size());
  const auto bytes = tensor.bytes;
  if (tensor.dtype == DType::f32) {
    if (!bytes.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
  } else if (tensor.dtype == DType::bf16) {
    detail::convert_each<std::uint16_t>(bytes, out, bfloat16_to_float);
  } else if (tensor.dtype == DType::f16) {
    detail::convert_each<std::uint16_t>(bytes, out, half_to_float);
  } else if (tensor.dtype == DType::f64) {
    detail::convert_each<double>(bytes, out, [](double value) { return float(value); });
  } else {
    throw Error(fmt::format("'{}' is of type {}, expected F32, BF16, F16 or F64",
                            printable(tensor.name), name_of(tensor.dtype)));
  }
}

VISPLAY_INLINE std::vector<float> to_float(const TensorEntry& tensor) {
  std::vector<float> out(std::size_t(tensor.numel()));
  copy_to_float(tensor, out);
  return out;
}

VISPLAY_INLINE bool natural_less(std::string_view a, std::string_view b) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (digit(a[i]) && digit(b[j])) {
      std::size_t end_i = i, end_j = j;
      while (end_i < a.size() && digit(a[end_i])) ++end_i;
      while (end_j < b.size() && digit(b[end_j])) ++end_j;
      while (i < end_i && a[i] == '0') ++i;
      while (j < end_j && b[j] == '0') ++j;
      const auto number_a = a.substr(i, end_i - i), number_b = b.substr(j, end_j - j);
      if (number_a.size() != number_b.size()) return number_a.size() < number_b.size();
      if (number_a != number_b) return number_a < number_b;
      i = end_i, j = end_j;
    } else if (a[i] != b[j]) {
      return a[i] < b[j];
    } else {
      ++i, ++j;
    }
  }
  if (i < a.size() || j < b.size()) return i == a.size();
  return a < b;  // equal but for leading zeros
}

}  // namespace visplay
