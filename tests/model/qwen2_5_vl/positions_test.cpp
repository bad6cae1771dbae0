#include <visplay/model/qwen2_5_vl/positions.hpp>

#include <visplay/core/error.hpp>
#include <visplay/io/json.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <filesystem>

using namespace visplay;
using Catch::Matchers::ContainsSubstring;
using Integers = std::vector<std::int64_t>;

namespace {

/// Image token 1, video token 2, anything else text.
ModelConfig small_ids() {
  ModelConfig config;
  config.tokens.image = 1;
  config.tokens.video = 2;
  return config;
}

}  // namespace

TEST_CASE("positions and delta equal get_rope_index of transformers") {
  const Json golden =
      read_json_file(std::filesystem::path(VISPLAY_SOURCE_DIR) / "tests/golden/vision_layout.json");
  for (const Json& test : golden["positions"]) {
    std::vector<ImageGrid> grids;
    for (const Json& grid : test["grids"]) grids.push_back({grid[0], grid[1], grid[2]});
    INFO(test["grids"].dump());
    const auto got = mrope_positions(test["ids"].get<Integers>(), grids, small_ids());
    Integers expected;
    for (const Json& axis : test["positions"])
      for (const Json& position : axis) expected.push_back(position);
    CHECK(got.ids == expected);
    CHECK(got.delta == test["delta"]);
  }
}

TEST_CASE("an image of 2 x 3 cells between texts gives the worked example") {
  // qwen25vl.md 13.5: 15 tokens, 6 of the image, 8 more.
  Integers ids(15, 9);
  ids.insert(ids.end(), 6, 1);
  ids.insert(ids.end(), 8, 9);
  const auto got = mrope_positions(ids, std::vector{ImageGrid{1, 4, 6}}, small_ids());
  CHECK(got.delta == -3);
  CHECK(Integers(got.axis(0).begin() + 14, got.axis(0).begin() + 22) ==
        Integers{14, 15, 15, 15, 15, 15, 15, 18});
  CHECK(Integers(got.axis(1).begin() + 14, got.axis(1).begin() + 22) ==
        Integers{14, 15, 15, 15, 16, 16, 16, 18});
  CHECK(Integers(got.axis(2).begin() + 14, got.axis(2).begin() + 22) ==
        Integers{14, 15, 16, 17, 15, 16, 17, 18});
  CHECK(got.axis(0).back() == 25);
}

TEST_CASE("each image token grows to the cells of its image") {
  const std::vector<ImageGrid> grids{{1, 2, 4}, {1, 4, 6}};
  const Integers ids = expand_image_tokens(Integers{7, 1, 8, 1, 9}, grids, small_ids());
  CHECK(ids == Integers{7, 1, 1, 8, 1, 1, 1, 1, 1, 1, 9});
  CHECK(mrope_positions(ids, grids, small_ids()).length == 11);
  CHECK_THROWS_WITH(expand_image_tokens(Integers{1}, grids, small_ids()),
                    ContainsSubstring("1 image tokens for 2 images"));
}

TEST_CASE("tokens that do not match the images are refused") {
  const std::vector<ImageGrid> grids{{1, 2, 4}};
  const auto positions = [&](const Integers& ids) {
    return mrope_positions(ids, grids, small_ids());
  };
  CHECK_THROWS_WITH(positions({7, 1}), ContainsSubstring("needs 2 image tokens"));
  CHECK_THROWS_WITH(positions({7, 1, 8, 1}), ContainsSubstring("needs 2 image tokens"));
  CHECK_THROWS_WITH(positions({7, 1, 1, 1}), ContainsSubstring("after the last of 1 images"));
  CHECK_THROWS_WITH(positions({7, 8}), ContainsSubstring("0 of 1 images"));
  CHECK_THROWS_WITH(positions({2, 1, 1}), ContainsSubstring("video"));
}
