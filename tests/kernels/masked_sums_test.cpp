// masked_sums against the plain loop in double.
#include <visplay/core/rng.hpp>
#include <visplay/kernels/masked_sums.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <cmath>
#include <vector>

using namespace visplay;

TEST_CASE("masked_sums is the plain loop, with the same bits for any number of threads") {
  const bool masked = GENERATE(false, true);
  std::vector<std::int64_t> offsets{0};
  for (std::int64_t b = 0; b < 150; ++b) offsets.push_back(offsets.back() + b * b % 701);
  Rng rng(1);
  std::vector<float> values, mask;
  for (std::int64_t t = 0; t < offsets.back(); ++t) {
    values.push_back(float(rng.normal()));
    if (masked) mask.push_back(rng.chance(0.7) ? float(rng.uniform()) + 0.5f : 0.f);
  }
  std::vector<MaskedSum> sums(150), again(150);
  ThreadPool one(1), three(3);
  masked_sums(values, mask, offsets, sums, one);
  masked_sums(values, mask, offsets, again, three);
  for (std::size_t b = 0; b < 150; ++b) {
    double sum = 0, size = 0, count = 0;
    for (auto t = std::size_t(offsets[b]); t < std::size_t(offsets[b + 1]); ++t)
      if (!masked || mask[t] != 0)
        sum += double(values[t]), size += std::abs(double(values[t])), count += 1;
    REQUIRE(std::abs(sums[b].sum - sum) <= 1e-6 * size);
    REQUIRE(sums[b].count == count);
    REQUIRE(sums[b].mean() == (count > 0 ? sums[b].sum / count : 0));
    REQUIRE(sums[b].sum == again[b].sum);
  }
}

TEST_CASE("masked_sums keeps nothing of a masked NaN and refuses what does not fit") {
  const std::vector<float> values{1, NAN, 3}, mask{1, 0, 1}, short_mask{1};
  std::vector<MaskedSum> sums(1);
  ThreadPool pool(1);
  const auto call = [&](std::span<const float> by, std::vector<std::int64_t> offsets) {
    masked_sums(values, by, offsets, sums, pool);
  };
  call(mask, {0, 3});
  CHECK(sums[0].sum == 4);
  CHECK(sums[0].count == 2);
  CHECK_THROWS_AS(call(short_mask, {0, 3}), Error);
  CHECK_THROWS_AS(call(mask, {0, 2}), Error);
  CHECK_THROWS_AS(call(mask, {0}), Error);
  CHECK_THROWS_AS(call(mask, {1, 3}), Error);
  sums.resize(2);
  CHECK_THROWS_AS(call(mask, {0, 4, 3}), Error);
}
