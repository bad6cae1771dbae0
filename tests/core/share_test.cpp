#include <visplay/core/share.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace visplay;

TEST_CASE("a lead of one vote in ten is not above 0.1, whatever doubles say") {
  CHECK(compare_share(4 - 3, 10, 0.1) == 0);
  CHECK(0.4 - 0.3 > 0.1);  // what doubles say
}

TEST_CASE("every n of m compares with its own decimal as equal, with its neighbours as it should") {
  for (const int m : {2, 4, 5, 8, 10, 16, 20, 25, 50, 64})
    for (int n = 0; n <= m; ++n) {
      const double share = double(n) / m;  // at most six digits for these m
      CHECK(compare_share(n, m, share) == 0);
      CHECK(compare_share(n - 1, m, share) < 0);
      CHECK(compare_share(n + 1, m, share) > 0);
    }
}

TEST_CASE("a bound given as a float is the same decimal") {
  for (const float bound : {0.1f, 0.3f, 0.4f, 0.7f, 0.95f})
    CHECK(compare_share(int(bound * 100 + 0.5f), 100, bound) == 0);
}
