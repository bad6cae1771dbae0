// Bottom-up clustering with average linkage: the two nearest clusters merge as long as they are
// nearer than the threshold. Equal to scikit-learn's
// AgglomerativeClustering(n_clusters=None, metric="precomputed", linkage="average"), ties included.
//
//   Agglomerative{.threshold = 0.5}(std::move(distances))
//
// Mean distance of merged clusters x and y to i: (|x| d(x, i) + |y| d(y, i)) / (|x| + |y|). Two
// clusters merge when each is the other's nearest (the nearest-neighbour chain).
#pragma once

#include <visplay/cluster/distance_matrix.hpp>
#include <visplay/core/macros.hpp>

#include <concepts>
#include <vector>

namespace visplay {

/// Labels are 0 ... k - 1, counting up in order of first appearance.
template <class C>
concept Clusterer = requires(const C& cluster, const DistanceMatrix& distance) {
  { cluster(distance) } -> std::same_as<std::vector<int>>;
};

struct Agglomerative {
  double threshold = 0.5;  ///< clusters merge while their distance is strictly below

  /// One label per item, in O(n^2) time; none for no items. The distances are worked on in place:
  /// moved in, they cost no copy.
  /// @throws Error if a distance is not finite
  [[nodiscard]] std::vector<int> operator()(DistanceMatrix distance) const;
};
static_assert(Clusterer<Agglomerative>);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/cluster/agglomerative.ipp>
#endif
