#include <visplay/train/schedule.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

using namespace visplay;
using Catch::Matchers::WithinRel;

TEST_CASE("the rate rises over the warm-up, falls linearly and ends at its fraction") {
  const LinearSchedule rate{.peak = 1e-3, .steps = 11, .warmup_steps = 2, .final_fraction = 0.1};
  CHECK_THAT(rate(0), WithinRel(5e-4, 1e-12));
  CHECK_THAT(rate(1), WithinRel(1e-3, 1e-12));
  CHECK_THAT(rate(2), WithinRel(1e-3, 1e-12));
  CHECK_THAT(rate(6), WithinRel(1e-3 * (1 - 0.5 * 0.9), 1e-12));
  CHECK_THAT(rate(10), WithinRel(1e-4, 1e-12));
}

TEST_CASE("without warm-up and decay the rate is constant, also for one step") {
  CHECK(LinearSchedule{.peak = 2e-6, .steps = 1}(0) == 2e-6);
  CHECK(LinearSchedule{.peak = 2e-6, .steps = 20}(19) == 2e-6);
}
