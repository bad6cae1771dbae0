#include <visplay/core/rng.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <set>
#include <vector>

using namespace visplay;
using Catch::Matchers::WithinAbs;

TEST_CASE("Philox gives the published known answers") {
  // kat_vectors of Random123 (Salmon et al. 2011), philox4x32 with 10 rounds.
  using Block = std::array<std::uint32_t, 4>;
  CHECK(philox_4x32_10({0, 0, 0, 0}, {0, 0}) ==
        Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox_4x32_10({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) ==
        Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(
      philox_4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
      Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a child depends on its name, not on what the parent has drawn") {
  Rng fresh(7), used(7);
  for (int i = 0; i < 5; ++i) used();
  CHECK(fresh.fork("votes", 3)() == used.fork("votes", 3)());
  CHECK(fresh.fork("votes", 3)() != fresh.fork("votes", 4)());
  CHECK(fresh.fork("votes", 3)() != fresh.fork("order", 3)());
  CHECK(fresh.fork("votes", 3)() != Rng(8).fork("votes", 3)());
}

TEST_CASE("children of many names do not collide, nor with their parent's draws") {
  std::set<std::uint64_t> seen;
  Rng parent(1);
  for (std::uint64_t i = 0; i < 2000; ++i) {
    seen.insert(parent());
    seen.insert(parent.fork("a", i).key());
    seen.insert(parent.fork("b", i).key());
  }
  CHECK(seen.size() == 6000);
}

TEST_CASE("uniform and normal draws have the moments of their distributions") {
  Rng rng(3);
  const int n = 200000;
  double sum = 0, squares = 0, normal_sum = 0, normal_squares = 0;
  for (int i = 0; i < n; ++i) {
    const double u = rng.uniform(), z = rng.normal();
    REQUIRE((u >= 0 && u < 1));
    sum += u, squares += u * u, normal_sum += z, normal_squares += z * z;
  }
  // Five standard errors of each mean.
  CHECK_THAT(sum / n, WithinAbs(0.5, 5 * 0.2887 / std::sqrt(n)));
  CHECK_THAT(squares / n, WithinAbs(1 / 3., 5 * 0.298 / std::sqrt(n)));
  CHECK_THAT(normal_sum / n, WithinAbs(0, 5 / std::sqrt(n)));
  CHECK_THAT(normal_squares / n, WithinAbs(1, 5 * 1.4142 / std::sqrt(n)));
}

TEST_CASE("below(n) reaches every value about equally often, and a shuffle every order") {
  Rng rng(5);
  std::vector<int> counts(6), orders(6);
  for (int i = 0; i < 60000; ++i) {
    ++counts[rng.below(6)];
    std::vector<int> items{0, 1, 2};
    rng.shuffle(items);
    ++orders[items[0] * 2 + (items[1] > items[2])];
  }
  for (const int count : counts) CHECK(std::abs(count - 10000) < 5 * 91);  // sd 91
  for (const int count : orders) CHECK(std::abs(count - 10000) < 5 * 91);
}

TEST_CASE("discarding words is drawing them, and a normal number takes two from any place") {
  Rng drawn(3), skipped(3);
  for (int i = 0; i < 1001; ++i) (void)drawn();
  skipped.discard(1001);
  CHECK(drawn() == skipped());
  for (const std::uint64_t start : {0, 1, 2, 7}) {
    Rng a = Rng(5), b = Rng(5);
    a.discard(start), b.discard(start);
    const double radius = std::sqrt(-2 * std::log1p(-b.uniform()));
    CHECK(a.normal() == radius * std::cos(2 * std::numbers::pi * b.uniform()));
    CHECK(a() == b());
  }
}
