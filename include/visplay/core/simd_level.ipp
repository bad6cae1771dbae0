// Bodies of simd_level.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/simd_level.hpp>

#include <atomic>

namespace visplay {
namespace detail {

VISPLAY_INLINE std::atomic<SimdLevel>& chosen_simd_level() {
  static std::atomic<SimdLevel> level = best_simd_level();
  return level;
}

}  // namespace detail

VISPLAY_INLINE SimdLevel best_simd_level() {
#if defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  if (avx2) return avx512 ? SimdLevel::avx512 : SimdLevel::avx2;
#endif
  return SimdLevel::portable;
}

VISPLAY_INLINE SimdLevel simd_level() { return detail::chosen_simd_level(); }

VISPLAY_INLINE void set_simd_level(SimdLevel level) {
  check(level <= best_simd_level(), "simd level: this processor has {} at most, asked for {}",
        name_of(best_simd_level()), name_of(level));
  detail::chosen_simd_level() = level;
}

}  // namespace visplay
