// DistanceMatrix: the distances between n items, symmetric with a zero diagonal; only the pairs
// i < j are stored (8 n (n - 1) / 2 bytes).
//
//   auto distance = DistanceMatrix::of(n, [&](std::size_t i, std::size_t j) { ... }, pool);   // i < j
#pragma once

#include <visplay/core/parallel.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace visplay {

class DistanceMatrix {
 public:
  explicit DistanceMatrix(std::size_t items = 0)
      : items_(items), pairs_(items > 1 ? items * (items - 1) / 2 : 0) {}

  /// Calls distance(i, j), i < j, once for every pair, from the threads of the pool.
  template <class Distance>
  static DistanceMatrix of(std::size_t items, const Distance& distance, ThreadPool& pool) {
    DistanceMatrix matrix(items);
    pool.run(items, [&](std::size_t i) {
      for (std::size_t j = i + 1; j < items; ++j) matrix.at(i, j) = distance(i, j);
    });
    return matrix;
  }
  template <class Distance>
  static DistanceMatrix of(std::size_t items, const Distance& distance) {
    ThreadPool alone(1);
    return of(items, distance, alone);
  }

  [[nodiscard]] std::size_t size() const { return items_; }

  /// Distance of two items below size(), in any order.
  [[nodiscard]] double operator()(std::size_t i, std::size_t j) const {
    return i == j ? 0. : pairs_[index(i, j)];
  }
  /// The same to write; i != j.
  [[nodiscard]] double& at(std::size_t i, std::size_t j) { return pairs_[index(i, j)]; }

 private:
  [[nodiscard]] std::size_t index(std::size_t i, std::size_t j) const {
    if (i > j) std::swap(i, j);
    return i * (2 * items_ - i - 1) / 2 + (j - i - 1);
  }

  std::size_t items_;
  std::vector<double> pairs_;
};

}  // namespace visplay
