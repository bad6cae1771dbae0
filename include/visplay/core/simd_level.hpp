// SimdLevel: which instruction sets a program uses, chosen when it runs.
//
// Kernels that are compiled ahead for several levels (kernels/objective_stock.hpp,
// kernels/linear_log_probs.hpp) take the one in use: the best that this processor has, or a lower one
// that was asked for. Everything else is compiled once, for the level of its own unit. The two highest
// levels add products of bfloat16 to AVX-512: only kernels that multiply matrices have code for them.
//
//   set_simd_level(SimdLevel::portable);  // a test, or a comparison of levels
#pragma once

#include <visplay/core/macros.hpp>

#include <string_view>

namespace visplay {

enum class SimdLevel { portable, avx2, avx512, avx512_bf16, amx };  // each includes those before it

constexpr std::string_view name_of(SimdLevel level) {
  constexpr std::string_view names[] = {"portable", "avx2", "avx512", "avx512_bf16", "amx"};
  return names[int(level)];
}

inline namespace VISPLAY_ISA {
/// Of the unit that reads it.
inline constexpr SimdLevel unit_simd_level = SimdLevel::VISPLAY_ISA;
}  // namespace VISPLAY_ISA

/// The highest level that this processor and its kernel can run; asks the kernel for the tile
/// registers of AMX. Results are the same to the bit at one level.
[[nodiscard]] SimdLevel best_simd_level();

/// The level in use, best_simd_level() unless set.
[[nodiscard]] SimdLevel simd_level();

/// For the whole program, from the next call of a kernel on.
/// @throws Error if this processor cannot run it
void set_simd_level(SimdLevel level);

/// of.operator()<L>() for the highest level L that is neither above `level` nor above `best`, the
/// highest for which there is code.
template <SimdLevel best, class Of>
auto at_simd_level(SimdLevel level, const Of& of) {
  if constexpr (best != SimdLevel::portable)
    if (level < best) return at_simd_level<static_cast<SimdLevel>(int(best) - 1)>(level, of);
  return of.template operator()<best>();
}

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/core/simd_level.ipp>
#endif
