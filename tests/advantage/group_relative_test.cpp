#include <visplay/advantage/group_relative.hpp>
#include <visplay/core/rng.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <numeric>
#include <vector>

using namespace visplay;
using Catch::Matchers::WithinAbs;

namespace {

std::vector<float> advantages_of(const std::vector<float>& rewards,
                                 const std::vector<std::int64_t>& offsets,
                                 const GroupRelative& advantage = {}) {
  std::vector<float> out(rewards.size(), 99.f);
  advantage(GroupedSpan{rewards, offsets}, out);
  return out;
}

std::vector<float> of_group(const std::vector<float>& rewards) {
  return advantages_of(rewards, {0, std::int64_t(rewards.size())});
}

std::vector<float> random_rewards(Rng rng, int n) {
  std::vector<float> rewards(n);
  for (float& r : rewards) r = float(rng.below(11)) / 10;
  return rewards;
}

}  // namespace

TEST_CASE("the advantage is the distance to the mean in standard deviations with n - 1") {
  // Mean 1/2, squares 4 * 1/4, std sqrt(1/3): +- 0.5 / 0.57735.
  const auto a = of_group({1, 0, 0, 1});
  for (std::size_t i = 0; i < 4; ++i)
    CHECK_THAT(a[i], WithinAbs((i % 3 == 0 ? 1 : -1) * 0.8660254, 2e-6));
}

TEST_CASE("groups of different sizes do not see each other") {
  const auto a = advantages_of({1, 0, 5, 5, 5, 0, 3}, {0, 2, 2, 5, 7});
  CHECK_THAT(a[0], WithinAbs(0.7071068, 1e-5));
  CHECK(a[2] == 0.f);
  CHECK(a[4] == 0.f);
  CHECK_THAT(a[5], WithinAbs(-0.7071068, 1e-5));
}

TEST_CASE("equal rewards, and a group of one, have advantage zero exactly") {
  for (const float r : {0.f, 0.1f, 0.475f, -1.125f, 1e30f})
    for (const int n : {1, 2, 3, 8})
      CHECK(of_group(std::vector<float>(n, r)) == std::vector<float>(n));
}

TEST_CASE("advantages sum to zero, ignore an added constant and move with their rewards") {
  for (int seed = 0; seed < 200; ++seed) {
    Rng rng(seed);
    const int n = 2 + int(rng.below(15));
    auto rewards = random_rewards(rng.fork("rewards"), n);
    const auto a = of_group(rewards);
    CHECK_THAT(std::accumulate(a.begin(), a.end(), 0.), WithinAbs(0., 1e-5));

    auto shifted = rewards;
    for (float& r : shifted) r += 4;
    const auto b = of_group(shifted);
    for (int i = 0; i < n; ++i) CHECK_THAT(b[i], WithinAbs(a[i], 1e-4));

    std::vector<int> order(n);
    std::iota(order.begin(), order.end(), 0);
    rng.shuffle(order);
    std::vector<float> moved(n);
    for (int i = 0; i < n; ++i) moved[i] = rewards[order[i]];
    const auto c = of_group(moved);
    for (int i = 0; i < n; ++i) CHECK_THAT(c[i], WithinAbs(a[order[i]], 1e-6));
  }
}

TEST_CASE("epsilon softens differences that are as small") {
  CHECK_THAT(advantages_of({0, 1e-6f}, {0, 2}, {.epsilon = 1e-3})[1], WithinAbs(5e-4, 1e-5));
}

TEST_CASE("no groups are fine, sizes that do not fit are refused") {
  CHECK(advantages_of({}, {0}).empty());
  CHECK_THROWS_AS(advantages_of({1, 2}, {0, 1}), Error);
  std::vector<float> rewards{1, 2}, small(1);
  const std::vector<std::int64_t> offsets{0, 2};
  CHECK_THROWS_AS(GroupRelative{}(GroupedSpan{rewards, offsets}, small), Error);
}
