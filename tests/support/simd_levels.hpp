// Tests at every level of instruction set that this processor has.
#pragma once

#include <visplay/core/simd_level.hpp>

#include <catch2/catch_test_macros.hpp>

namespace visplay::testing {

/// Calls body at each level, and leaves the best one behind, whatever body throws.
template <class Body>
void at_every_level(const Body& body) {
  struct AtBest {
    ~AtBest() { set_simd_level(best_simd_level()); }
  } const at_best;
  for (int level = 0; level <= int(best_simd_level()); ++level) {
    set_simd_level(SimdLevel(level));
    INFO(name_of(SimdLevel(level)));
    body();
  }
}

}  // namespace visplay::testing
