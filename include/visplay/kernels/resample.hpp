// Resampling of 8-bit RGB images along one axis, by integer weights: what Pillow and torchvision do,
// to the bit.
//
//   level[i] = clamp((1/2 + sum_j weight[i][j] * level[first[i] + j]) >> bits, 0, 255)
//
// Weights are those of the cubic convolution kernel (Keys, a = -0.5), stretched by in / out where
// that is above 1 (antialiasing), scaled to sum 1 and rounded to `bits` fractional bits. Sums are
// integers, so every processor gives the same image.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace visplay {

/// How one axis of `in` pixels becomes one of out() pixels.
struct ResampleAxis {
  std::int64_t in = 0;                ///< pixels
  int taps = 0;                       ///< the most inputs that one output reads
  int bits = 0;                       ///< fractional bits of a weight
  std::vector<int> first;             ///< [out] pixels
  std::vector<int> count;             ///< [out], at most taps
  std::vector<std::int32_t> weights;  ///< [out, taps]

  [[nodiscard]] std::int64_t out() const { return std::int64_t(first.size()); }
};

/// Bits are as many, up to 22, as keep all weights below weight_limit.
/// @param in, out  pixels, > 0
[[nodiscard]] ResampleAxis bicubic_axis(std::int64_t in, std::int64_t out,
                                        std::int64_t weight_limit);

/// Changes the width. @param from  [height, axis.in, 3] @return [height, axis.out(), 3]
[[nodiscard]] std::vector<std::uint8_t> resample_rows(std::span<const std::uint8_t> from,
                                                      std::int64_t height,
                                                      const ResampleAxis& axis);

/// Changes the height. @param from  [axis.in, width, 3] @return [axis.out(), width, 3]
[[nodiscard]] std::vector<std::uint8_t> resample_columns(std::span<const std::uint8_t> from,
                                                         std::int64_t width,
                                                         const ResampleAxis& axis);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/kernels/resample.ipp>
#endif
