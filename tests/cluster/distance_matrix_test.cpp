#include <visplay/cluster/distance_matrix.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace visplay;

TEST_CASE("distances are read back from both sides, for any number of threads") {
  const auto of = [](std::size_t i, std::size_t j) { return double(100 * i + j); };
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    for (const std::size_t n : {0u, 1u, 2u, 5u, 17u, 33u, 100u}) {
      const auto matrix = DistanceMatrix::of(n, of, pool);
      CHECK(matrix.size() == n);
      for (std::size_t i = 0; i < n; ++i) {
        CHECK(matrix(i, i) == 0);
        for (std::size_t j = i + 1; j < n; ++j) {
          CHECK(matrix(i, j) == of(i, j));
          CHECK(matrix(j, i) == of(i, j));
        }
      }
    }
  }
}

TEST_CASE("a distance that is set is read from both sides, a copy is its own") {
  DistanceMatrix matrix(3);
  matrix.set(2, 0, 0.25);
  CHECK(matrix(0, 2) == 0.25);
  CHECK(matrix(2, 0) == 0.25);
  CHECK(matrix(1, 2) == 0);
  DistanceMatrix copy = matrix;
  copy.set(0, 2, 1);
  CHECK(matrix(0, 2) == 0.25);
  const DistanceMatrix moved = std::move(copy);
  CHECK(moved(2, 0) == 1);
  CHECK(copy.size() == 0);  // NOLINT: what moving leaves is stated
  copy = matrix;
  CHECK(copy(2, 0) == 0.25);
}
