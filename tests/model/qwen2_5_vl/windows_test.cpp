#include <visplay/model/qwen2_5_vl/windows.hpp>

#include <visplay/core/error.hpp>
#include <visplay/io/json.hpp>

#include <catch2/catch_test_macros.hpp>

#include <filesystem>

using namespace visplay;
using Integers = std::vector<std::int64_t>;

namespace {

std::vector<ImageGrid> grids_of(const Json& json) {
  std::vector<ImageGrid> grids;
  for (const Json& grid : json) grids.push_back({grid[0], grid[1], grid[2]});
  return grids;
}

}  // namespace

TEST_CASE("window order, segments and coordinates equal those of transformers") {
  const Json golden =
      read_json_file(std::filesystem::path(VISPLAY_SOURCE_DIR) / "tests/golden/vision_layout.json");
  for (const Json& test : golden["layouts"]) {
    INFO(test["grids"].dump());
    const VisionLayout layout = vision_layout(grids_of(test["grids"]), VisionConfig{});
    CHECK(layout.window_index == test["window_index"].get<Integers>());
    CHECK(layout.reverse_index == test["reverse_index"].get<Integers>());
    CHECK(layout.cu_window == test["cu_window"].get<Integers>());
    CHECK(layout.cu_full == test["cu_full"].get<Integers>());
    CHECK(layout.rows == test["rows"].get<Integers>());
    CHECK(layout.cols == test["cols"].get<Integers>());
  }
}

TEST_CASE("windows cover two images without mixing them") {
  // qwen25vl.md 13.4: blocks 2 x 2, then 5 x 3 in windows of 4 rows.
  const std::vector<ImageGrid> grids{{1, 4, 4}, {1, 10, 6}};
  const VisionLayout layout = vision_layout(grids, VisionConfig{});
  CHECK(layout.cu_window == Integers{0, 16, 64, 76});
  CHECK(layout.cu_full == Integers{0, 16, 76});
}

TEST_CASE("no image gives an empty layout") {
  const VisionLayout layout = vision_layout({}, VisionConfig{});
  CHECK(layout.window_index.empty());
  CHECK(layout.cu_window == Integers{0});
  CHECK(layout.cu_full == Integers{0});
}

TEST_CASE("a grid that the merger cannot divide is refused") {
  for (const ImageGrid grid : {ImageGrid{1, 3, 4}, ImageGrid{1, 4, 0}, ImageGrid{0, 4, 4},
                               ImageGrid{1, -2, 4}, ImageGrid{1, std::int64_t(1) << 40, 4}})
    CHECK_THROWS_AS(vision_layout(std::vector{grid}, VisionConfig{}), Error);
}
