#include <visplay/cluster/agglomerative.hpp>
#include <visplay/core/error.hpp>

#include <catch2/catch_test_macros.hpp>

#include "support/golden.hpp"

#include <limits>

using namespace visplay;

TEST_CASE("labels are scikit-learn's, with ties and duplicates") {
  const auto golden = testing::golden("clusters.json");
  REQUIRE(golden["matrices"].size() >= 120);
  for (const auto& example : golden["matrices"]) {
    const auto upper = example["upper"].get<std::vector<double>>();
    std::size_t at = 0;
    DistanceMatrix distance(example["items"].get<std::size_t>());
    for (std::size_t i = 0; i < distance.size(); ++i)
      for (std::size_t j = i + 1; j < distance.size(); ++j) distance.at(i, j) = upper[at++];
    INFO(example.dump());
    CHECK(Agglomerative{example["threshold"]}(distance) ==
          example["labels"].get<std::vector<int>>());
  }
}

TEST_CASE("clusters merge strictly below the threshold") {
  DistanceMatrix distance(2);
  distance.at(0, 1) = 0.5;
  CHECK(Agglomerative{.threshold = 0.5}(distance) == std::vector{0, 1});
  CHECK(Agglomerative{.threshold = 0.51}(distance) == std::vector{0, 0});
}

TEST_CASE("none, one and many equal items are clusters too") {
  CHECK(Agglomerative{}(DistanceMatrix(0)).empty());
  CHECK(Agglomerative{}(DistanceMatrix(1)) == std::vector{0});
  CHECK(Agglomerative{}(DistanceMatrix(50)) == std::vector<int>(50, 0));
}

TEST_CASE("a distance that is no number is refused") {
  DistanceMatrix distance(2);
  distance.at(0, 1) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(Agglomerative{}(distance), Error);
}
