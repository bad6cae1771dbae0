// Scene: what one picture of the procedural world shows, drawn from a 64-bit world seed. Two to five
// objects, each a color and a shape, in different cells of a 3 x 3 grid.
//
//   world::Scene scene = world::make_scene(1'000'007);
//
// All numbers are integers, so a seed gives the same scene on every machine. Six color-shape pairs
// ("unseen") never occur unless asked for; the compositional test split asks about them.
#pragma once

#include <visplay/core/rng.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace visplay::world {

enum class Color : std::uint8_t { red, orange, yellow, green, blue, purple };
enum class Shape : std::uint8_t { circle, square, triangle, cross, diamond };
/// A cell of the grid in raster order; north is up.
enum class Place : std::uint8_t {
  northwest,
  north,
  northeast,
  west,
  center,
  east,
  southwest,
  south,
  southeast
};

inline constexpr std::array<std::string_view, 6> color_names{"red",   "orange", "yellow",
                                                             "green", "blue",   "purple"};
inline constexpr std::array<std::string_view, 5> shape_names{"circle", "square", "triangle",
                                                             "cross", "diamond"};
inline constexpr std::array<std::string_view, 9> place_names{
    "northwest", "north", "northeast", "west", "center", "east", "southwest", "south", "southeast"};

constexpr std::string_view name_of(Color color) { return color_names[int(color)]; }
constexpr std::string_view name_of(Shape shape) { return shape_names[int(shape)]; }
constexpr std::string_view name_of(Place place) { return place_names[int(place)]; }

/// The enumerator of that name, or nothing.
std::optional<Color> color_named(std::string_view name);
std::optional<Shape> shape_named(std::string_view name);
std::optional<Place> place_named(std::string_view name);

/// 0 is the top row, the left column.
constexpr int row_of(Place place) { return int(place) / 3; }
constexpr int column_of(Place place) { return int(place) % 3; }

/// Which color-shape pairs: the 24 of labelled pictures, the 6 kept from them, or all 30.
enum class Pairs { seen, unseen, any };

constexpr bool is_unseen(Color color, Shape shape) {
  constexpr Shape kept[] = {Shape::cross,   Shape::circle, Shape::triangle,
                            Shape::diamond, Shape::square, Shape::circle};  // one for each color
  return kept[int(color)] == shape;
}
constexpr bool belongs(Color color, Shape shape, Pairs pairs) {
  return pairs == Pairs::any || is_unseen(color, shape) == (pairs == Pairs::unseen);
}

using Rgb = std::array<std::uint8_t, 3>;

/// How an object is drawn; says nothing about the truth.
struct Look {
  int dx = 0, dy = 0;  ///< of the center from the center of its cell, 1/16 pixel
  int radius = 160;    ///< 1/16 pixel
  int rotation = 0;    ///< 1/1024 radian, clockwise
  Rgb rgb{};
};

struct Object {
  Color color{};
  Shape shape{};
  Place place{};
  Look look{};
};

struct Backdrop {
  std::array<int, 3> rgb{128, 128, 128};  ///< at the center of the picture
  int slope_x = 0, slope_y = 0;           ///< change of brightness from edge to edge, levels
};

struct Scene {
  std::uint64_t seed = 0;
  std::vector<Object> objects{};  ///< in raster order of their places
  Backdrop backdrop{};
};

/// World seeds below test_seeds are for training pictures; settings are tuned on tuning_seeds and
/// judged on test_seeds.
inline constexpr std::uint64_t test_seeds = 1'000'000;
inline constexpr std::uint64_t tuning_seeds = 2'000'000;

struct SceneOptions {
  int min_objects = 2;        ///< 1 ... max_objects
  int max_objects = 5;        ///< at most 9
  Pairs pairs = Pairs::seen;  ///< unseen: at least one object is an unseen pair
};

/// The scene of this seed. @throws Error for a range of objects outside 1 ... 9.
[[nodiscard]] Scene make_scene(std::uint64_t seed, const SceneOptions& options = {});

/// The objects in raster order of their places, as a careful observer lists them.
void sort_by_place(std::vector<Object>& objects);

}  // namespace visplay::world

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/world/scene.ipp>
#endif
