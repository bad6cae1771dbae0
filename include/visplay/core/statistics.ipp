// The quantile of Student's t.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/statistics.hpp>

namespace visplay {

VISPLAY_INLINE double student_t_975(std::int64_t df) {
  check(df >= 1, "student_t_975: expected at least 1 degree of freedom, got {}", df);
  constexpr double exact[] = {12.706204736, 4.302652730, 3.182446305, 2.776445105, 2.570581836,
                              2.446911851,  2.364624252, 2.306004135, 2.262157163, 2.228138852,
                              2.200985160,  2.178812830, 2.160368656, 2.144786688, 2.131449546,
                              2.119905299,  2.109815578, 2.100922040, 2.093024054, 2.085963447,
                              2.079613845,  2.073873068, 2.068657610, 2.063898562, 2.059538553,
                              2.055529439,  2.051830516, 2.048407142, 2.045229642, 2.042272456};
  if (df <= std::int64_t(std::size(exact))) return exact[df - 1];
  // Expansion in 1 / df: Abramowitz and Stegun 26.7.5 at the normal quantile z.
  constexpr double z = 1.959963984540054, z2 = z * z;
  constexpr double g1 = z * (z2 + 1) / 4, g2 = z * ((5 * z2 + 16) * z2 + 3) / 96,
                   g3 = z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / 384;
  const double v = double(df);
  return z + (g1 + (g2 + g3 / v) / v) / v;
}

}  // namespace visplay
