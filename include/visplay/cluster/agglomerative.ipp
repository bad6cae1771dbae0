// The nearest-neighbour chain algorithm, step by step as scipy's `nn_chain`: with tied distances
// the tree depends on the order of the search, and so would the labels. Unlike there, a merge
// rewrites one row only, others fetch what they lack when they are read, and the work ends as soon
// as no two clusters are nearer than the threshold.
#pragma once

#include <visplay/cluster/agglomerative.hpp>
#include <visplay/core/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <utility>

namespace visplay {
namespace detail {
inline namespace VISPLAY_ISA {

/// A part of a row of distances, which need not be aligned.
struct DoublePack {
  static constexpr std::size_t lanes = VISPLAY_REGISTER_BYTES / sizeof(double);
  using Lanes = double __attribute__((vector_size(VISPLAY_REGISTER_BYTES)));
  using Counts = std::int64_t __attribute__((vector_size(VISPLAY_REGISTER_BYTES)));
  using Loose = double __attribute__((vector_size(VISPLAY_REGISTER_BYTES), aligned(8), may_alias));

  static Lanes at(const double* from) { return *reinterpret_cast<const Loose*>(from); }
  static void put(double* to, Lanes v) { *reinterpret_cast<Loose*>(to) = v; }
};

/// Least of row[i] + closed[i] for i < size, size a multiple of 8.
inline double least(const double* row, const double* closed, std::size_t size) {
  using P = DoublePack;
  P::Lanes low[2];
  low[0] = low[1] = std::numeric_limits<double>::infinity() - P::Lanes{};
  std::size_t i = 0;
  for (; i + 2 * P::lanes <= size; i += 2 * P::lanes)
    for (std::size_t k = 0; k < 2; ++k) {
      const P::Lanes v = P::at(row + i + k * P::lanes) + P::at(closed + i + k * P::lanes);
      low[k] = v < low[k] ? v : low[k];
    }
  for (; i < size; i += P::lanes) {
    const P::Lanes v = P::at(row + i) + P::at(closed + i);
    low[0] = v < low[0] ? v : low[0];
  }
  low[0] = low[1] < low[0] ? low[1] : low[0];
  double result = low[0][0];
  for (std::size_t k = 1; k < P::lanes; ++k) result = low[0][k] < result ? low[0][k] : result;
  return result;
}

/// The first i with row[i] + closed[i] == value; there is one.
inline std::size_t first_equal(const double* row, const double* closed, double value) {
  using P = DoublePack;
  for (std::size_t i = 0;; i += P::lanes) {
    const P::Counts equal = P::at(row + i) + P::at(closed + i) == value - P::Lanes{};
    std::int64_t any = 0;
    for (std::size_t k = 0; k < P::lanes; ++k) any |= equal[k];
    if (!any) continue;
    while (row[i] + closed[i] != value) ++i;
    return i;
  }
}

/// y becomes the distances of x and y merged: (weight_x x[i] + weight_y y[i]) / (weight_x + weight_y).
/// Returns how many of x and y, and of the result, are below `near`, where closed is 0.
struct NearCounts {
  std::int64_t before, after;
};
inline NearCounts average_rows(const double* x, double weight_x, double* y, double weight_y,
                               const double* closed, std::size_t size, double near) {
  using P = DoublePack;
  P::Counts before{}, after{};
  for (std::size_t i = 0; i < size; i += P::lanes) {
    const P::Lanes open = P::at(closed + i), a = P::at(x + i), b = P::at(y + i);
    // Each product is rounded before the sum, as scipy's is, also where the compiler may fuse them.
    P::Lanes part_a = weight_x * a, part_b = weight_y * b;
    asm("" : "+m"(part_a));
    const P::Lanes merged = (part_a + part_b) / (weight_x + weight_y);
    before -= (a + open < near) + (b + open < near);
    after -= (merged + open < near);
    P::put(y + i, merged);
  }
  NearCounts counts{0, 0};
  for (std::size_t k = 0; k < P::lanes; ++k) {
    counts.before += before[k];
    counts.after += after[k];
  }
  return counts;
}

}  // namespace VISPLAY_ISA

/// Merges of average linkage as long as they can matter. A cluster is named by its last item.
class NearestNeighbourChain {
 public:
  NearestNeighbourChain(DistanceMatrix& distance, double threshold)
      : distance_(distance),
        n_(distance.size()),
        size_(n_, 1.),
        fresh_(n_, 0),
        merged_at_(n_, 0),
        closed_(distance.stride(), 0.) {
    // Means round: two distances of at least this much never merge to one below the threshold.
    near_ = threshold + std::abs(threshold) * 16 * double(n_) * 0x1p-53;
    for (std::size_t i = 0; i < n_; ++i) near_pairs_ += count_near(i);
  }

  /// Two mutually nearest clusters x < y, which are merged to y; false when none are left that are
  /// nearer than the threshold.
  struct Merge {
    std::size_t x, y;
    double distance;
  };
  bool next(Merge& merge) {
    if (near_pairs_ == 0) return false;
    if (chain_.empty()) {
      while (closed_[lowest_] > 0) ++lowest_;
      chain_.push_back(lowest_);
    }
    for (;;) {
      const std::size_t x = chain_.back(), before = chain_.size() > 1 ? *(chain_.end() - 2) : n_;
      refresh(x);
      const double* const row = distance_.row(x);
      const double nearest = least(row, closed_.data(), closed_.size());
      // At a tie the one before wins, against cycles; then the first.
      if (before < n_ && row[before] <= nearest) {
        chain_.resize(chain_.size() - 2);
        merge = {std::min(x, before), std::max(x, before), nearest};
        join(merge.x, merge.y);
        return true;
      }
      chain_.push_back(first_equal(row, closed_.data(), nearest));
    }
  }

 private:
  /// Pairs (i, j > i) below near_. @throws Error if a distance is not finite
  std::int64_t count_near(std::size_t i) {
    const double* const row = distance_.row(i);
    std::int64_t near = 0;
    double sum = 0;  // of x - x: 0, unless one is not finite
    for (std::size_t j = i + 1; j < n_; ++j) {
      near += row[j] < near_;
      sum += row[j] - row[j];
    }
    for (std::size_t j = i + 1; !(sum == 0) && j < n_; ++j)
      check(std::isfinite(row[j]), "clustering: distance of items {} and {} is {}", i, j, row[j]);
    return near;
  }

  /// Fetches the distances of x to the clusters that were merged since x last was.
  void refresh(std::size_t x) {
    if (fresh_[x] == merges_) return;
    double* const row = distance_.row(x);
    for (std::size_t m = merged_.size(); m-- > 0 && merged_at_[merged_[m]] > fresh_[x];)
      if (const std::size_t y = merged_[m]; y != x) row[y] = distance_.row(y)[x];
    fresh_[x] = merges_;
  }

  void join(std::size_t x, std::size_t y) {
    refresh(x);
    refresh(y);
    closed_[x] = std::numeric_limits<double>::infinity();
    const NearCounts near = average_rows(distance_.row(x), size_[x], distance_.row(y), size_[y],
                                         closed_.data(), closed_.size(), near_);
    near_pairs_ += near.after - near.before;
    size_[y] += size_[x];
    if (merged_at_[x]) std::erase(merged_, x);
    if (merged_at_[y]) std::erase(merged_, y);
    merged_.push_back(y);
    merged_at_[y] = fresh_[y] = ++merges_;
  }

  DistanceMatrix& distance_;
  std::size_t n_;
  std::vector<double> size_;  // items of a cluster
  std::size_t merges_ = 0;
  std::vector<std::size_t> fresh_;      // merges that a row has taken in
  std::vector<std::size_t> merged_at_;  // the merge that made a cluster; 0: a single item
  std::vector<std::size_t> merged_;     // open clusters of more than one item, the latest last
  std::vector<double> closed_;          // infinity for clusters that another has taken in, else 0
  std::vector<std::size_t> chain_;      // each one the nearest neighbour of the one before
  std::size_t lowest_ = 0;              // no open cluster is below
  double near_;
  std::int64_t near_pairs_ = 0;  // of open clusters
};

}  // namespace detail

VISPLAY_INLINE std::vector<int> Agglomerative::operator()(DistanceMatrix distance) const {
  const std::size_t n = distance.size();
  std::vector<std::size_t> parent(n);
  std::iota(parent.begin(), parent.end(), std::size_t(0));
  const auto root = [&parent](std::size_t i) {
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
  };
  detail::NearestNeighbourChain chain(distance, threshold);
  for (detail::NearestNeighbourChain::Merge merge; chain.next(merge);)
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
