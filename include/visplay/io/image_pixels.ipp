// Part of image_codec.ipp: what its decoders share. Sizes are checked here before any allocation.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/macros.hpp>
#include <visplay/io/image_codec.hpp>

#include <array>

namespace visplay::detail {

using Rgba = std::array<std::uint8_t, 4>;

VISPLAY_INLINE void check_size(std::uint64_t width, std::uint64_t height, const std::string& source,
                               const ImageLimits& limits) {
  check(width > 0 && height > 0, "{}: expected an image with pixels, got {} x {}", source, width,
        height);
  check(width <= limits.pixels / height, "{}: {} x {} pixels are more than the limit of {}", source,
        width, height, limits.pixels);
}

/// The pixels of an image of checked size, black.
VISPLAY_INLINE Image black_image(std::size_t width, std::size_t height, const std::string& source) {
  return {.height = int(height),
          .width = int(width),
          .pixels = std::vector<std::uint8_t>(3 * width * height),
          .source = source};
}

/// a / 255, rounded, for products of two levels (times 128 in on_white).
constexpr std::uint32_t by_255(std::uint32_t a) { return ((a >> 8) + a) >> 8; }

/// Pillow's alpha_composite over opaque white: coefficients of 7 bits more than a level.
VISPLAY_INLINE void on_white(const Rgba& pixel, std::uint8_t* rgb) {
  const std::uint32_t alpha = pixel[3] * 128u, rest = 255 * 128 - alpha;
  for (int c = 0; c < 3; ++c)
    rgb[c] = std::uint8_t(by_255(pixel[std::size_t(c)] * alpha + 255 * rest + (0x80 << 7)) >> 7);
}

VISPLAY_INLINE void put_pixel(const Rgba& pixel, AlphaPolicy policy, std::uint8_t* rgb) {
  if (policy == AlphaPolicy::white)
    on_white(pixel, rgb);
  else
    std::copy_n(pixel.data(), 3, rgb);
}

}  // namespace visplay::detail
