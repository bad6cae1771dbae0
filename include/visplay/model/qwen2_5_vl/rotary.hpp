// Rotary angles: of patches in the vision tower (row, column) and of tokens in the decoder (M-RoPE:
// temporal, height, width in contiguous sections of the frequencies). All in float32.
#pragma once

#include <visplay/model/qwen2_5_vl/config.hpp>
#include <visplay/tensor/compat.hpp>

#include <cmath>

namespace visplay {

struct RotaryTable {
  at::Tensor cos;  ///< [rows, head_dim / 2]
  at::Tensor sin;
};

namespace detail {

// angles(row, f) = position(row, f) * base^(-f / count)
template <class Position>
RotaryTable rotary_table(std::int64_t rows, std::int64_t frequencies, std::int64_t count,
                         double base, const Position& position) {
  auto angles = at::empty({rows, frequencies}, at::kFloat);
  float* to = angles.mutable_data_ptr<float>();
  std::vector<float> inverse(count);
  for (std::int64_t f = 0; f < count; ++f)
    inverse[f] = 1.f / std::pow(float(base), float(2 * f) / float(2 * count));
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t f = 0; f < frequencies; ++f)
      *to++ = float(position(r, f)) * inverse[f % count];
  return {angles.cos(), angles.sin()};
}

}  // namespace detail

/// @param rows, cols  [patches] in any order; half of the frequencies turn by the row, half by the
///                    column, each with its own ladder 10000^(-2k / (head_dim / 2))
[[nodiscard]] inline RotaryTable vision_rotary(std::span<const std::int64_t> rows,
                                               std::span<const std::int64_t> cols,
                                               const VisionConfig& config) {
  const auto half = config.head_dim() / 2, quarter = half / 2;
  return detail::rotary_table(
      std::int64_t(rows.size()), half, quarter, 10000.,
      [&](std::int64_t r, std::int64_t f) { return f < quarter ? rows[r] : cols[r]; });
}

/// @param position_ids  [3, N] int64
[[nodiscard]] inline RotaryTable text_rotary(const at::Tensor& position_ids,
                                             const TextConfig& config) {
  const auto ids = position_ids.contiguous();
  const auto* p = ids.const_data_ptr<std::int64_t>();
  const auto n = ids.size(1), half = config.head_dim() / 2;
  const auto [t, h, w] = config.mrope_section;
  return detail::rotary_table(n, half, half, config.rope_theta,
                              [&](std::int64_t r, std::int64_t f) {
                                return p[(f < t ? 0 : f < t + h ? 1 : 2) * n + r];
                              });
}

}  // namespace visplay
