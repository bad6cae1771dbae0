// Bodies of simd_level.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/simd_level.hpp>

#include <atomic>

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace visplay {
namespace detail {

VISPLAY_INLINE std::atomic<SimdLevel>& chosen_simd_level() {
  static std::atomic<SimdLevel> level = best_simd_level();
  return level;
}

#if defined(__x86_64__) && defined(__linux__)
/// Of a processor with AVX-512, by leaf 7 of cpuid. Tile registers are 8 KiB a thread, which Linux
/// saves only for a process that asked (feature 18).
VISPLAY_INLINE SimdLevel best_with_bfloat16() {
  constexpr unsigned avx512_bf16 = 1u << 5, amx_bf16 = 1u << 22, amx_tile = 1u << 24;
  constexpr long request_permission = 0x1023, tile_data = 18;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a & avx512_bf16)) return SimdLevel::avx512;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return SimdLevel::avx512_bf16;
  const bool amx = (d & amx_bf16) && (d & amx_tile) &&
                   syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
  return amx ? SimdLevel::amx : SimdLevel::avx512_bf16;
}
#else
VISPLAY_INLINE SimdLevel best_with_bfloat16() { return SimdLevel::avx512; }
#endif

}  // namespace detail

VISPLAY_INLINE SimdLevel best_simd_level() {
#if defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  if (avx2) return avx512 ? detail::best_with_bfloat16() : SimdLevel::avx2;
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
