// Largest: the k largest numbers met so far, kept in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

namespace visplay {

/// Largest first, at a tie the lower id; the same whatever order they come in. NaN is taken as -infinity.
/// Each that is put in among k costs up to k steps: for small k.
struct Largest {
  static constexpr float lowest = -std::numeric_limits<float>::infinity();

  float* values;      ///< [k]
  std::int32_t* ids;  ///< [k]
  std::size_t k, count = 0;

  // Always inline: units of several instruction sets include this.
  /// Whether x, with a larger id than all before, is among them.
  [[nodiscard, gnu::always_inline]] bool takes(float x) const {
    return count < k || x > values[k - 1];
  }
  [[gnu::always_inline]] void put(float x, std::int32_t id) {
    if (x != x) x = lowest;
    std::size_t at = count < k ? count++ : k;
    for (; at > 0 && (x > values[at - 1] || (x == values[at - 1] && id < ids[at - 1])); --at)
      if (at < k) values[at] = values[at - 1], ids[at] = ids[at - 1];
    if (at < k) values[at] = x, ids[at] = id;
  }
};

}  // namespace visplay
