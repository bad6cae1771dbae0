#include <visplay/core/grouped_span.hpp>

#include <catch2/catch_test_macros.hpp>

#include <vector>

using namespace visplay;

TEST_CASE("groups of any size, empty ones too, are cut at the offsets") {
  const std::vector<float> values{1, 2, 3};
  const std::vector<std::int64_t> offsets{0, 2, 2, 3};
  const GroupedSpan grouped{values, offsets};
  REQUIRE(grouped.groups() == 3);
  CHECK(grouped[0].size() == 2);
  CHECK(grouped[1].empty());
  CHECK(grouped[2][0] == 3);
  CHECK(GroupedSpan{}.groups() == 0);
}

TEST_CASE("offsets that do not cover the values, or fall, are refused") {
  using Offsets = std::vector<std::int64_t>;
  CHECK_NOTHROW(check_offsets(Offsets{0, 2, 3}, 3, "here"));
  CHECK_NOTHROW(check_offsets(Offsets{}, 0, "here"));
  CHECK_NOTHROW(check_offsets(Offsets{0}, 0, "here"));
  CHECK_THROWS_AS(check_offsets(Offsets{}, 3, "here"), Error);
  CHECK_THROWS_AS(check_offsets(Offsets{0, 2}, 3, "here"), Error);
  CHECK_THROWS_AS(check_offsets(Offsets{1, 3}, 3, "here"), Error);
  CHECK_THROWS_AS(check_offsets(Offsets{0, 4, 3}, 3, "here"), Error);
}
