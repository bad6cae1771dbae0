// The nearest-neighbour chain algorithm, step by step as scipy's `nn_chain`: with tied distances
// the tree depends on the order of the search, and so would the labels.
#pragma once

#include <visplay/cluster/agglomerative.hpp>
#include <visplay/core/error.hpp>

#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace visplay {
namespace detail {

/// Two clusters, named by one item of each, and how far apart they were when they merged.
struct Merge {
  std::size_t x, y;
  double distance;
};

/// All n - 1 merges of average linkage (not sorted by distance). Cluster y takes in x.
VISPLAY_INLINE std::vector<Merge> average_linkage(DistanceMatrix distance) {
  const std::size_t n = distance.size();
  std::vector<double> size(n, 1.);  // 0: taken in by another
  std::vector<std::size_t> chain;   // each one the nearest neighbour of the one before
  std::vector<Merge> merges;
  while (merges.size() + 1 < n) {
    if (chain.empty())
      for (std::size_t i = 0; chain.empty(); ++i)
        if (size[i] > 0) chain.push_back(i);
    // Go on until two are each other's nearest. At a tie the one before wins, against cycles.
    std::size_t x, y;
    double nearest;
    for (;;) {
      x = chain.back();
      y = chain.size() > 1 ? chain[chain.size() - 2] : x;
      nearest = chain.size() > 1 ? distance(x, y) : std::numeric_limits<double>::infinity();
      for (std::size_t i = 0; i < n; ++i)
        if (size[i] > 0 && i != x && distance(x, i) < nearest) nearest = distance(x, y = i);
      if (chain.size() > 1 && y == chain[chain.size() - 2]) break;
      chain.push_back(y);
    }
    chain.resize(chain.size() - 2);
    if (x > y) std::swap(x, y);
    merges.push_back({x, y, nearest});
    for (std::size_t i = 0; i < n; ++i)
      if (size[i] > 0 && i != x && i != y)
        distance.at(i, y) =
            (size[x] * distance(i, x) + size[y] * distance(i, y)) / (size[x] + size[y]);
    size[y] += std::exchange(size[x], 0.);
  }
  return merges;
}

}  // namespace detail

VISPLAY_INLINE std::vector<int> Agglomerative::operator()(const DistanceMatrix& distance) const {
  const std::size_t n = distance.size();
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = i + 1; j < n; ++j)
      check(std::isfinite(distance(i, j)), "clustering: distance of items {} and {} is {}", i, j,
            distance(i, j));

  std::vector<std::size_t> parent(n);
  std::iota(parent.begin(), parent.end(), std::size_t(0));
  const auto root = [&parent](std::size_t i) {
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
  };
  for (const detail::Merge& merge : detail::average_linkage(distance))
    if (merge.distance < threshold) parent[root(merge.x)] = root(merge.y);

  std::vector<int> labels(n), label_of(n, -1);
  int clusters = 0;
  for (std::size_t i = 0; i < n; ++i) {
    int& label = label_of[root(i)];
    if (label < 0) label = clusters++;
    labels[i] = label;
  }
  return labels;
}

}  // namespace visplay
