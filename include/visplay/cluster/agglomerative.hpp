// Bottom-up clustering with average linkage: the two nearest clusters merge as long as they are
// nearer than the threshold. Equal to scikit-learn's
// AgglomerativeClustering(n_clusters=None, metric="precomputed", linkage="average"), ties included.
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

  /// One label per item, in O(n^2) time and one copy of the distances; none for no items.
  /// @throws Error if a distance is not finite
  [[nodiscard]] std::vector<int> operator()(const DistanceMatrix& distance) const;
};
static_assert(Clusterer<Agglomerative>);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/cluster/agglomerative.ipp>
#endif
