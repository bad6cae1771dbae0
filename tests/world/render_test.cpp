#include <visplay/core/error.hpp>
#include <visplay/world/render.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cmath>

#include "support/crc32.hpp"

using namespace visplay;
using namespace visplay::world;

namespace {

Scene one(Shape shape, Look look) {
  look.rgb = {255, 0, 0};
  return {.seed = 0,
          .objects = {{.shape = shape, .place = Place::center, .look = look}},
          .backdrop = {.rgb = {0, 0, 0}}};
}

/// Pixels that the object covers, from the brightness of red.
double area(const Scene& scene) {
  const Image image = render(scene, {.noise = 0, .frame = false});
  double sum = 0;
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) sum += image.pixels[i] / 255.;
  return sum;
}

}  // namespace

TEST_CASE("a picture has 84 x 84 pixels and the same bytes on every machine") {
  const Image image = render(make_scene(test_seeds));
  CHECK(image.height == 84);
  CHECK(image.width == 84);
  REQUIRE(image.pixels.size() == 84u * 84 * 3);
  CHECK(image.source == "scene 1000000");
  // Recorded when the world was made: changing it changes every model trained on the world.
  CHECK(test::crc32(image.pixels) == 2044862519u);
  CHECK(test::crc32(render(make_scene(5, {.pairs = Pairs::unseen}), {.noise = 0}).pixels) ==
        2747308742u);
}

TEST_CASE("shapes cover the area that geometry gives") {
  constexpr double r = 11.5;
  for (const int rotation : {-205, 0, 100}) {
    const Look look{.dx = 5, .dy = -7, .radius = int(16 * r), .rotation = rotation};
    const auto close = [](double got, double expected) {
      return std::abs(got / expected - 1) < 0.03;
    };
    CHECK(close(area(one(Shape::circle, look)), 3.14159 * r * r * 15 / 17));
    CHECK(close(area(one(Shape::square, look)), 1.6 * 1.6 * r * r));
    // Apex at v = -r, base at v = 0.6 r, half width 19/32 of the height.
    CHECK(close(area(one(Shape::triangle, look)), 1.6 * 1.6 * r * r * 19 / 32));
    CHECK(close(area(one(Shape::cross, look)), (2 * 2 * 0.6 - 0.36) * r * r));
    CHECK(close(area(one(Shape::diamond, look)), 2. * r * r * 2 / 3));
  }
}

TEST_CASE("a rotated shape turns clockwise about its center") {
  // The right arm of a cross, 0.2 radian clockwise, lies 1.7 pixels lower at x = 50.
  const auto red_at = [](int rotation, int y, int x) {
    return int(*render(one(Shape::cross, {.radius = 180, .rotation = rotation}),
                       {.noise = 0, .frame = false})
                    .at(y, x));
  };
  CHECK(red_at(0, 42, 50) == 255);
  CHECK(red_at(205, 46, 50) == 255);
  CHECK(red_at(0, 46, 50) == 0);
  CHECK(red_at(-205, 46, 50) == 0);
}

TEST_CASE("objects are drawn in their own cell") {
  for (int place = 0; place < 9; ++place) {
    Scene scene = one(Shape::square, {.radius = 160});
    scene.objects[0].place = Place(place);
    const Image image = render(scene, {.noise = 0, .frame = false});
    for (int other = 0; other < 9; ++other)
      CHECK((image.at(28 * (other / 3) + 14, 28 * (other % 3) + 14)[0] == 255) == (other == place));
  }
}

TEST_CASE("the frame has a color of its own on each side") {
  const Image image = render(one(Shape::circle, {}), {.noise = 0});
  const auto pixel = [&](int y, int x) {
    return Rgb{image.at(y, x)[0], image.at(y, x)[1], image.at(y, x)[2]};
  };
  const Rgb sides[] = {pixel(1, 40), pixel(82, 40), pixel(40, 1), pixel(40, 82)};
  for (int a = 0; a < 4; ++a)
    for (int b = 0; b < a; ++b) CHECK(sides[a] != sides[b]);
  CHECK(pixel(2, 40) == Rgb{0, 0, 0});
}

TEST_CASE("noise has the standard deviation asked for and differs between seeds") {
  Scene scene{.seed = 3};  // flat grey
  const Image image = render(scene, {.noise = 13, .frame = false});
  double sum = 0, squares = 0;
  for (const std::uint8_t value : image.pixels) {
    sum += value - 128.;
    squares += (value - 128.) * (value - 128.);
  }
  const double n = double(image.pixels.size());
  CHECK(std::abs(sum / n) < 0.5);
  CHECK(std::abs(std::sqrt(squares / n) - 13) < 0.3);
  scene.seed = 4;
  CHECK(render(scene, {.frame = false}).pixels != image.pixels);
  CHECK_THROWS_AS(render(scene, {.noise = 65}), Error);
}
