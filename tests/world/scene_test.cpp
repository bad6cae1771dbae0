#include <visplay/core/error.hpp>
#include <visplay/world/scene.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <map>
#include <set>

using namespace visplay;
using namespace visplay::world;

TEST_CASE("a scene holds two to five objects in different cells, in raster order") {
  std::map<std::size_t, int> sizes;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const Scene scene = make_scene(seed);
    ++sizes[scene.objects.size()];
    std::set<Place> places;
    for (const Object& object : scene.objects) places.insert(object.place);
    CHECK(places.size() == scene.objects.size());
    CHECK(std::ranges::is_sorted(scene.objects, {}, &Object::place));
  }
  CHECK(sizes.size() == 4);
  // 500 of each are expected; the standard deviation is 19.4, so five of them are 97.
  for (const auto& [size, count] : sizes) {
    CHECK((2 <= size && size <= 5));
    CHECK(std::abs(count - 500) < 97);
  }
}

TEST_CASE("no training scene shows an unseen pair, and the six cover every color and shape") {
  std::set<Color> colors;
  std::set<Shape> shapes;
  int unseen_pairs = 0;
  for (std::size_t c = 0; c < color_names.size(); ++c)
    for (std::size_t s = 0; s < shape_names.size(); ++s)
      if (is_unseen(Color(c), Shape(s))) {
        ++unseen_pairs;
        colors.insert(Color(c));
        shapes.insert(Shape(s));
      }
  CHECK(unseen_pairs == 6);
  CHECK(colors.size() == color_names.size());
  CHECK(shapes.size() == shape_names.size());
  for (std::uint64_t seed = 0; seed < 5000; ++seed)
    for (const Object& object : make_scene(seed).objects)
      REQUIRE_FALSE(is_unseen(object.color, object.shape));
}

TEST_CASE("an unseen scene shows at least one unseen pair") {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const Scene scene = make_scene(seed, {.pairs = Pairs::unseen});
    CHECK(std::ranges::any_of(scene.objects,
                              [](const Object& o) { return is_unseen(o.color, o.shape); }));
  }
}

TEST_CASE("pairs and places are drawn evenly") {
  std::map<std::pair<Color, Shape>, int> pairs;
  std::map<Place, int> places;
  int objects = 0;
  for (std::uint64_t seed = 0; seed < 10000; ++seed)
    for (const Object& object : make_scene(seed).objects) {
      ++pairs[{object.color, object.shape}];
      ++places[object.place];
      ++objects;
    }
  CHECK(pairs.size() == 24);
  CHECK(places.size() == 9);
  for (const auto& [pair, count] : pairs) CHECK(std::abs(24. * count / objects - 1) < 0.15);
  for (const auto& [place, count] : places) CHECK(std::abs(9. * count / objects - 1) < 0.1);
}

TEST_CASE("neighbouring seeds give different scenes, one seed always the same") {
  std::set<std::vector<int>> drawn;
  const auto numbers = [](std::uint64_t seed) {
    std::vector<int> all;
    for (const Object& o : make_scene(seed).objects)
      all.insert(all.end(), {int(o.color), int(o.shape), int(o.place), o.look.dx, o.look.rotation,
                             o.look.rgb[0], o.look.rgb[1], o.look.rgb[2]});
    return all;
  };
  for (std::uint64_t seed = test_seeds; seed < test_seeds + 1000; ++seed)
    drawn.insert(numbers(seed));
  CHECK(drawn.size() == 1000);
  CHECK(numbers(7) == numbers(7));
}

TEST_CASE("names lead to enumerators and back") {
  for (const auto name : color_names) CHECK(name_of(*color_named(name)) == name);
  for (const auto name : shape_names) CHECK(name_of(*shape_named(name)) == name);
  for (const auto name : place_names) CHECK(name_of(*place_named(name)) == name);
  CHECK_FALSE(color_named("pink"));
  CHECK(row_of(Place::southwest) == 2);
  CHECK(column_of(Place::east) == 2);
}

TEST_CASE("an impossible range of objects is refused") {
  CHECK_THROWS_AS(make_scene(1, {.min_objects = 0}), Error);
  CHECK_THROWS_AS(make_scene(1, {.min_objects = 4, .max_objects = 3}), Error);
  CHECK_THROWS_AS(make_scene(1, {.max_objects = 10}), Error);
}
