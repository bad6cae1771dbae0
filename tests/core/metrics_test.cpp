#include <visplay/core/metrics.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace visplay;

TEST_CASE("names under time/ and rates are timing, all others are not") {
  CHECK(is_timing(metric::time_rollout));
  CHECK(is_timing(metric::tokens_per_second));
  CHECK_FALSE(is_timing(metric::reward));
  CHECK_FALSE(is_timing(metric::learning_rate));
}

TEST_CASE("a metric is found by its name") {
  const Metrics metrics{{std::string(metric::reward), 0.5}, {reward_mean_name("format"), 1}};
  CHECK(*find_metric(metrics, metric::reward) == 0.5);
  CHECK(*find_metric(metrics, "rewards/format/mean") == 1);
  CHECK(find_metric(metrics, metric::kl) == nullptr);
}
