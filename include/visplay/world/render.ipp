// Bodies of render.hpp: backdrop, objects, frame, noise, in that order.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/macros.hpp>
#include <visplay/world/render.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace visplay::world {

namespace detail {

VISPLAY_INLINE std::uint8_t clamp_to_byte(int value) {
  return std::uint8_t(std::clamp(value, 0, 255));
}

VISPLAY_INLINE void draw_backdrop(Image& image, const Backdrop& backdrop) {
  constexpr int last = picture_pixels - 1;
  for (int y = 0; y < picture_pixels; ++y)
    for (int x = 0; x < picture_pixels; ++x) {
      const int shade =
          (backdrop.slope_x * (2 * x - last) + backdrop.slope_y * (2 * y - last)) / (2 * last);
      for (int c = 0; c < 3; ++c)
        image.at(y, x)[c] = clamp_to_byte(backdrop.rgb[std::size_t(c)] + shade);
    }
}

/// Cosine and sine times 2^14 of an angle in 1/1024 radian, |angle| < 512: Taylor series in
/// integers, because libm's last bit differs between machines.
struct Rotation {
  int cosine, sine;
  explicit Rotation(int angle) {
    const std::int64_t x = std::int64_t(angle) << 10, x2 = x * x >> 20;  // 2^20 is one radian
    const std::int64_t one = 1 << 20;
    cosine = int((one - x2 / 2 + (x2 * x2 >> 20) / 24) >> 6);
    sine = int((x * (one - x2 / 6 + (x2 * x2 >> 20) / 120) >> 20) >> 6);
  }
};

/// Is (u, v), from the center and unrotated, inside? u, v and r in one unit, v down.
VISPLAY_INLINE bool inside(Shape shape, int u, int v, int r) {
  const int across = std::abs(u), up_or_down = std::abs(v);
  switch (shape) {
    case Shape::circle:
      return (u * u + v * v) / 15 <= r * r / 17;
    case Shape::square:
      return 5 * std::max(across, up_or_down) <= 4 * r;
    case Shape::triangle:
      return 5 * v <= 3 * r && 32 * across <= 19 * (v + r);
    case Shape::cross:
      return std::max(across, up_or_down) <= r && 10 * std::min(across, up_or_down) <= 3 * r;
    case Shape::diamond:
      return 3 * across + 2 * up_or_down <= 2 * r;
  }
  return false;
}

/// Samples (of 16) of pixel (y, x) that the object covers. (cy, cx): its center, 1/16 pixel.
VISPLAY_INLINE int coverage(const Object& object, Rotation turn, int cy, int cx, int y, int x) {
  int covered = 0;
  for (int sy = 2; sy < 16; sy += 4)
    for (int sx = 2; sx < 16; sx += 4) {
      const int dy = 16 * y + sy - cy, dx = 16 * x + sx - cx;
      const int u = (dx * turn.cosine + dy * turn.sine) >> 8;  // now 1/1024 pixel
      const int v = (dy * turn.cosine - dx * turn.sine) >> 8;
      covered += inside(object.shape, u, v, object.look.radius << 6);
    }
  return covered;
}

VISPLAY_INLINE void draw_object(Image& image, const Object& object) {
  const Look& look = object.look;
  const int cy = 16 * (cell_pixels * row_of(object.place) + cell_pixels / 2) + look.dy;
  const int cx = 16 * (cell_pixels * column_of(object.place) + cell_pixels / 2) + look.dx;
  const Rotation turn(look.rotation);
  const int reach = look.radius * 5 / 4;  // the corners of the square are the farthest: 1.13 r
  const int top = std::max(0, (cy - reach) / 16), left = std::max(0, (cx - reach) / 16);
  const int bottom = std::min(picture_pixels - 1, (cy + reach) / 16);
  const int right = std::min(picture_pixels - 1, (cx + reach) / 16);
  for (int y = top; y <= bottom; ++y)
    for (int x = left; x <= right; ++x) {
      const int covered = coverage(object, turn, cy, cx, y, x);
      std::uint8_t* pixel = image.at(y, x);
      for (int c = 0; c < 3; ++c)
        pixel[c] =
            std::uint8_t((pixel[c] * (16 - covered) + look.rgb[std::size_t(c)] * covered + 8) / 16);
    }
}

VISPLAY_INLINE void draw_frame(Image& image) {
  constexpr Rgb north{250, 250, 250}, south{15, 15, 15}, west{20, 200, 200}, east{240, 120, 200};
  const auto paint = [&](int y, int x, const Rgb& rgb) { std::ranges::copy(rgb, image.at(y, x)); };
  for (int i = 0; i < picture_pixels; ++i)
    for (int depth = 0; depth < 2; ++depth) {
      paint(i, depth, west);
      paint(i, picture_pixels - 1 - depth, east);
    }
  for (int i = 2; i < picture_pixels - 2; ++i)
    for (int depth = 0; depth < 2; ++depth) {
      paint(depth, i, north);
      paint(picture_pixels - 1 - depth, i, south);
    }
}

/// The sum of two random bytes less its mean has a standard deviation of 104.5 levels; it is
/// scaled to `noise` levels. One block of the generator serves eight values.
VISPLAY_INLINE void add_noise(Image& image, std::uint64_t key, int noise) {
  const int scale = noise * 627;  // 627 / 2^16 = 1 / 104.5
  for (std::size_t first = 0; first < image.pixels.size(); first += 8) {
    const auto bits = philox_4x32_10({std::uint32_t(first), 0, 0, 1},
                                     {std::uint32_t(key), std::uint32_t(key >> 32)});
    for (std::size_t i = 0; i < 8; ++i) {
      const std::uint32_t half = bits[i / 2] >> (16 * (i % 2));
      const int sum = int(half & 255) + int(half >> 8 & 255) - 255;
      std::uint8_t& value = image.pixels[first + i];
      value = clamp_to_byte(value + ((sum * scale + (1 << 15)) >> 16));
    }
  }
}

}  // namespace detail

VISPLAY_INLINE Image render(const Scene& scene, const RenderOptions& options) {
  check(0 <= options.noise && options.noise <= 64, "render: expected noise in 0 ... 64, got {}",
        options.noise);
  Image image{.height = picture_pixels,
              .width = picture_pixels,
              .pixels = std::vector<std::uint8_t>(3 * picture_pixels * picture_pixels),
              .source = fmt::format("scene {}", scene.seed)};
  static_assert(3 * picture_pixels * picture_pixels % 8 == 0, "noise is drawn in eights");
  detail::draw_backdrop(image, scene.backdrop);
  for (const Object& object : scene.objects) detail::draw_object(image, object);
  if (options.frame) detail::draw_frame(image);
  if (options.noise > 0)
    detail::add_noise(image, Rng(scene.seed).fork("noise").key(), options.noise);
  return image;
}

}  // namespace visplay::world
