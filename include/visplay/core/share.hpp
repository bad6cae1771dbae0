// Comparing n / m with a decimal such as 0.3 exactly. Bounds are read as the decimals of up to six
// digits that a person wrote, and compared in integers: of ten votes three are not above 0.3, and
// 0.4 - 0.3 is not above 0.1, whatever doubles make of it.
#pragma once

#include <cmath>
#include <compare>
#include <cstdint>

namespace visplay {

/// n / m against bound; n in [-m, m], 0 <= m < 2^40, |bound| <= 1000. With m = 0 both sides are equal
/// only in that 0 = 0: ask for m > 0 first.
[[nodiscard]] inline std::strong_ordering compare_share(std::int64_t n, std::int64_t m,
                                                        double bound) {
  constexpr std::int64_t unit = 1'000'000;
  return n * unit <=> std::int64_t(std::llround(bound * double(unit))) * m;
}

}  // namespace visplay
