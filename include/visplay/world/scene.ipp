// Bodies of scene.hpp: names to enumerators, drawing a scene.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/macros.hpp>
#include <visplay/world/scene.hpp>

#include <algorithm>

namespace visplay::world {

namespace detail {

template <class Enum, std::size_t N>
std::optional<Enum> named(const std::array<std::string_view, N>& names, std::string_view name) {
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return Enum(found - names.begin());
}

/// An integer in low ... high, both included.
VISPLAY_INLINE int between(Rng& rng, int low, int high) {
  return low + int(rng.below(std::uint64_t(high - low + 1)));
}

/// hue in degrees (any integer), saturation and value in 0 ... 255. Integer arithmetic throughout.
VISPLAY_INLINE Rgb rgb_of(int hue, int saturation, int value) {
  hue = (hue % 360 + 360) % 360;
  const int low = value * (255 - saturation) / 255;
  const int rise = low + (value - low) * (hue % 60) / 60, fall = low + value - rise;
  const auto rgb = [](int r, int g, int b) {
    return Rgb{std::uint8_t(r), std::uint8_t(g), std::uint8_t(b)};
  };
  switch (hue / 60) {
    case 0:
      return rgb(value, rise, low);
    case 1:
      return rgb(fall, value, low);
    case 2:
      return rgb(low, value, rise);
    case 3:
      return rgb(low, fall, value);
    case 4:
      return rgb(rise, low, value);
    default:
      return rgb(value, low, fall);
  }
}

VISPLAY_INLINE Look random_look(Rng& rng, Color color) {
  constexpr int hues[] = {0, 28, 58, 120, 220, 285};
  Look look;
  look.dx = between(rng, -64, 64);  // 4 pixels
  look.dy = between(rng, -64, 64);
  look.radius = between(rng, 136, 200);     // 8.5 to 12.5 pixels
  look.rotation = between(rng, -205, 205);  // 0.2 radian
  const int hue = hues[int(color)] + between(rng, -9, 9);
  const int saturation = between(rng, 153, 255);
  look.rgb = rgb_of(hue, saturation, between(rng, 150, 255));
  return look;
}

VISPLAY_INLINE Backdrop random_backdrop(Rng& rng) {
  Backdrop backdrop;
  const int grey = between(rng, 60, 190);
  for (int& channel : backdrop.rgb) channel = grey + between(rng, -18, 18);
  backdrop.slope_x = between(rng, -40, 40);
  backdrop.slope_y = between(rng, -40, 40);
  return backdrop;
}

}  // namespace detail

VISPLAY_INLINE std::optional<Color> color_named(std::string_view name) {
  return detail::named<Color>(color_names, name);
}
VISPLAY_INLINE std::optional<Shape> shape_named(std::string_view name) {
  return detail::named<Shape>(shape_names, name);
}
VISPLAY_INLINE std::optional<Place> place_named(std::string_view name) {
  return detail::named<Place>(place_names, name);
}

VISPLAY_INLINE void sort_by_place(std::vector<Object>& objects) {
  std::ranges::sort(objects, {}, &Object::place);
}

VISPLAY_INLINE Scene make_scene(std::uint64_t seed, const SceneOptions& options) {
  check(1 <= options.min_objects && options.min_objects <= options.max_objects &&
            options.max_objects <= 9,
        "scene: expected 1 <= min_objects <= max_objects <= 9, got {} and {}", options.min_objects,
        options.max_objects);
  Rng rng = Rng(seed).fork("scene", std::uint64_t(options.pairs));
  Scene scene{.seed = seed};
  std::array<int, 9> places{0, 1, 2, 3, 4, 5, 6, 7, 8};
  rng.shuffle(places);
  const int count = detail::between(rng, options.min_objects, options.max_objects);
  for (int i = 0; i < count; ++i) {
    // In an unseen scene the first object drawn is an unseen pair, the others are any pair.
    const Pairs pairs = options.pairs == Pairs::unseen && i > 0 ? Pairs::any : options.pairs;
    Object object{.place = Place(places[std::size_t(i)])};
    do {
      object.color = Color(rng.below(color_names.size()));
      object.shape = Shape(rng.below(shape_names.size()));
    } while (!belongs(object.color, object.shape, pairs));
    object.look = detail::random_look(rng, object.color);
    scene.objects.push_back(object);
  }
  sort_by_place(scene.objects);
  scene.backdrop = detail::random_backdrop(rng);
  return scene;
}

}  // namespace visplay::world
