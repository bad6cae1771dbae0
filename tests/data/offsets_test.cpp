#include <visplay/data/offsets.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace visplay;

TEST_CASE("offsets are the running sum of what the groups hold") {
  std::vector<RolloutGroup> groups(3);
  groups[0].completions.resize(2);
  groups[2].completions.resize(1);
  CHECK(offsets_of(groups) == std::vector<std::int64_t>{0, 2, 2, 3});
  CHECK(offsets_of(std::vector<RolloutGroup>{}) == std::vector<std::int64_t>{0});

  const std::vector<Completion> completions{{.token_ids = {1, 2, 3}}, {}, {.token_ids = {4}}};
  CHECK(offsets_of(completions, [](const Completion& c) { return c.token_ids.size(); }) ==
        std::vector<std::int64_t>{0, 3, 3, 4});
}
