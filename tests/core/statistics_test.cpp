#include <visplay/core/error.hpp>
#include <visplay/core/statistics.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "support/golden.hpp"

#include <vector>

using namespace visplay;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

TEST_CASE("quantiles of Student's t are scipy's") {
  const auto golden = testing::golden("student_t.json");
  REQUIRE(golden["df"].size() > 40);
  for (std::size_t i = 0; i < golden["df"].size(); ++i)
    CHECK_THAT(student_t_975(golden["df"][i]),
               WithinRel(golden["quantile_975"][i].get<double>(), 1e-6));
  CHECK_THROWS_AS(student_t_975(0), Error);
}

TEST_CASE("the standard deviation has n - 1 in its denominator") {
  const std::vector<float> values{1, 2, 3, 4};  // squares about 2.5 sum to 5
  CHECK(mean(values) == 2.5);
  CHECK_THAT(sample_std(values), WithinRel(std::sqrt(5. / 3), 1e-15));
  CHECK(sample_std(std::vector<float>{7}) == 0);
  CHECK(mean(std::vector<float>{}) == 0);
}

TEST_CASE("a large offset does not spoil the standard deviation") {
  CHECK_THAT(sample_std(std::vector<double>{1e9 + 1, 1e9 + 2, 1e9 + 3}), WithinAbs(1., 1e-9));
}

TEST_CASE("five seeds give the interval of a table of t with four degrees of freedom") {
  const std::vector<double> seeds{64, 66, 67, 65, 68};  // mean 66, s = sqrt(2.5), t = 2.776445
  const Interval interval = interval_95(seeds);
  CHECK(interval.mean == 66);
  CHECK_THAT(interval.half_width(), WithinRel(2.776445105 * std::sqrt(2.5 / 5), 1e-9));
  CHECK(interval.contains(66));
  CHECK_FALSE(interval.contains(70));
}

TEST_CASE("one seed says nothing about the spread") {
  const std::vector<double> one{66};
  CHECK(interval_95(one).mean == 66);
  CHECK(std::isinf(interval_95(one).half_width()));
}

TEST_CASE("Wilson's interval stays inside 0 and 1 and holds the share") {
  // 8 of 10: R's prop.test(8, 10, correct = FALSE) gives 0.4901625, 0.9433178.
  CHECK_THAT(wilson_95(8, 10).low, WithinAbs(0.4901625, 1e-7));
  CHECK_THAT(wilson_95(8, 10).high, WithinAbs(0.9433178, 1e-7));
  for (const int hits : {0, 1, 9, 10}) {
    const Interval interval = wilson_95(hits, 10);
    CHECK(interval.low >= 0);
    CHECK(interval.high <= 1);
    CHECK(interval.contains(hits / 10.));
  }
  CHECK(wilson_95(0, 0).high == 1);
}
