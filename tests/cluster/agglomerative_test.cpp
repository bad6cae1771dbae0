#include <visplay/cluster/agglomerative.hpp>
#include <visplay/core/error.hpp>
#include <visplay/core/rng.hpp>
#include <visplay/text/bleu_distances.hpp>

#include <catch2/catch_test_macros.hpp>

#include "support/golden.hpp"
#include "support/question_batch.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

using namespace visplay;

TEST_CASE("labels are scikit-learn's, with ties and duplicates") {
  const auto golden = testing::golden("clusters.json");
  REQUIRE(golden["matrices"].size() >= 120);
  for (const auto& example : golden["matrices"]) {
    const auto upper = example["upper"].get<std::vector<double>>();
    std::size_t at = 0;
    DistanceMatrix distance(example["items"].get<std::size_t>());
    for (std::size_t i = 0; i < distance.size(); ++i)
      for (std::size_t j = i + 1; j < distance.size(); ++j) distance.set(i, j, upper[at++]);
    INFO(example.dump());
    CHECK(Agglomerative{example["threshold"]}(distance) ==
          example["labels"].get<std::vector<int>>());
  }
}

TEST_CASE("clusters and shares of questions are nltk's and scikit-learn's, for any threads") {
  const auto golden = testing::golden("question_batches.json");
  REQUIRE(golden["batches"].size() >= 50);
  std::size_t joined = 0;  // batches in which anything was merged: those that can go wrong
  for (const auto& example : golden["batches"]) {
    const auto texts = testing::question_batch(example["seed"].get<std::uint64_t>());
    const auto expected = example["labels"].get<std::vector<int>>();
    const auto shares = example["shares"].get<std::vector<double>>();
    joined += shares.size() < texts.size();
    const BleuTexts counted(testing::views(texts));
    for (const int threads : {1, 3}) {
      ThreadPool pool(threads);
      const std::vector<int> labels =
          Agglomerative{}(DistanceMatrix::of_rows(texts.size(), BleuDistances(counted), pool));
      INFO("seed " << example["seed"] << ", " << texts.size() << " texts");
      REQUIRE(labels == expected);
      for (std::size_t c = 0; c < shares.size(); ++c)
        CHECK(double(std::ranges::count(labels, int(c))) / double(labels.size()) == shares[c]);
    }
  }
  CHECK(joined >= 50);
}

namespace {

/// The algorithm as scipy does it, without any of our short cuts.
std::vector<int> plain_labels(DistanceMatrix distance, double threshold) {
  const std::size_t n = distance.size();
  std::vector<double> size(n, 1.);
  std::vector<std::size_t> chain;
  std::vector<int> label(n);
  std::iota(label.begin(), label.end(), 0);
  for (std::size_t merges = 1; merges < n; ++merges) {
    for (std::size_t i = 0; chain.empty(); ++i)
      if (size[i] > 0) chain.push_back(i);
    std::size_t x, y;
    double nearest;
    for (;;) {
      x = chain.back();
      y = chain.size() > 1 ? chain[chain.size() - 2] : n;
      nearest = y < n ? distance(x, y) : std::numeric_limits<double>::infinity();
      for (std::size_t i = 0; i < n; ++i)
        if (size[i] > 0 && i != x && distance(x, i) < nearest) nearest = distance(x, y = i);
      if (chain.size() > 1 && y == chain[chain.size() - 2]) break;
      chain.push_back(y);
    }
    chain.resize(chain.size() - 2);
    if (x > y) std::swap(x, y);
    if (nearest < threshold) std::ranges::replace(label, label[x], label[y]);
    for (std::size_t i = 0; i < n; ++i)
      if (size[i] > 0 && i != x && i != y)
        distance.set(i, y,
                     (size[x] * distance(i, x) + size[y] * distance(i, y)) / (size[x] + size[y]));
    size[y] += std::exchange(size[x], 0.);
  }
  std::map<int, int> number;
  for (int& of : label) of = number.try_emplace(of, int(number.size())).first->second;
  return label;
}

}  // namespace

TEST_CASE("labels are those of the plain algorithm on large tied and untied distances") {
  for (int seed = 0; seed < 60; ++seed) {
    Rng rng = Rng(seed).fork("distances");
    const std::size_t n = 2 + rng.below(180);
    const std::uint64_t values = std::vector{2, 3, 5, 50, 1 << 30}[rng.below(5)];
    const double threshold = std::vector{0.1, 0.3, 0.5, 0.7}[rng.below(4)];
    const bool groups = rng.chance(0.5);  // near inside, far outside
    DistanceMatrix distance(n);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = i + 1; j < n; ++j) {
        const double drawn = double(rng.below(values)) / double(values - 1);
        distance.set(i, j, groups ? (i % 7 == j % 7 ? 0.6 * drawn : 0.4 + 0.6 * drawn) : drawn);
      }
    INFO("seed " << seed << ", " << n << " items, " << values << " values");
    CHECK(Agglomerative{threshold}(distance) == plain_labels(distance, threshold));
  }
}

TEST_CASE("clusters merge strictly below the threshold") {
  DistanceMatrix distance(2);
  distance.set(0, 1, 0.5);
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
  distance.set(0, 1, std::numeric_limits<double>::quiet_NaN());
  CHECK_THROWS_AS(Agglomerative{}(distance), Error);
  distance.set(0, 1, std::numeric_limits<double>::infinity());
  CHECK_THROWS_AS(Agglomerative{}(distance), Error);
}
