#include <visplay/curriculum/dynamic_sampling.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace visplay;

namespace {
struct Group {
  int id;
  std::vector<float> rewards;
};
}  // namespace

TEST_CASE("equal rewards are no signal") {
  CHECK_FALSE(has_signal(std::vector<float>{}));
  CHECK_FALSE(has_signal(std::vector<float>{1}));
  CHECK_FALSE(has_signal(std::vector<float>{0.5f, 0.5f, 0.5f}));
  CHECK(has_signal(std::vector<float>{0, 0, 1}));
}

TEST_CASE("the filter keeps what lies strictly inside, group by group") {
  const std::vector<float> scores{1, 1, 0, 0, 1, 0, 0.5f};
  const std::vector<std::int64_t> offsets{0, 2, 4, 6, 6, 7};
  CHECK(OnlineFilter{}(GroupedSpan{scores, offsets}) == std::vector<std::size_t>{2, 4});
  CHECK_FALSE(OnlineFilter{.low = 0.5}(std::vector<float>{0, 1}));
  CHECK_FALSE(OnlineFilter{.high = 0.5}(std::vector<float>{0, 1}));
}

TEST_CASE("groups are drawn until enough have a signal, and no more are kept") {
  int asked = 0;
  const auto draw = [&](int attempt) {
    CHECK(attempt == asked++);
    return std::vector<Group>{
        {3 * attempt, {1, 1}}, {3 * attempt + 1, {0, 1}}, {3 * attempt + 2, {0, 1}}};
  };
  const auto found = DynamicSampling{.groups = 3}(draw);
  CHECK(found.full);
  CHECK(found.attempts == 2);
  CHECK(found.drawn == 6);
  REQUIRE(found.groups.size() == 3);
  CHECK(found.groups[0].id == 1);
  CHECK(found.groups[2].id == 4);  // 5 would be one too many
}

TEST_CASE("after the last attempt there is what there is") {
  const auto flat = [](int attempt) {
    return std::vector<Group>{{attempt, {1, 1}}, {attempt, {attempt == 2 ? 0.f : 1.f, 1}}};
  };
  const auto found = DynamicSampling{.groups = 2, .max_attempts = 4}(flat);
  CHECK_FALSE(found.full);
  CHECK(found.attempts == 4);
  CHECK(found.groups.size() == 1);
  CHECK_THROWS_AS(DynamicSampling{.groups = 0}(flat), Error);
  CHECK_THROWS_AS((DynamicSampling{.groups = 1, .max_attempts = 0}(flat)), Error);
}
