// The objectives that most people use, compiled ahead for every level of instruction set: a program
// that is built for any x86-64 still runs them as fast as its processor can (core/simd_level.hpp).
//
// All others, a user's own among them, are compiled where they are used, with the flags of that unit:
// give it -march=native (CMake: VISPLAY_NATIVE) for speed. So are all of them in header-only use.
#pragma once

#include <visplay/core/simd_level.hpp>
#include <visplay/kernels/objective_pass.hpp>
#include <visplay/loss/log_prob_losses.hpp>
#include <visplay/loss/ratio_losses.hpp>

#include <type_traits>

namespace visplay {
namespace objective_detail {

using StockClipped = Objective<ClippedSurrogate, K3>;  // GRPO, DAPO, Dr. GRPO, PPO, VisPlay
using StockTis = Objective<ClippedSurrogate, K3, TokenTis>;
using StockCispo = Objective<Cispo, K3>;
using StockSapo = Objective<Sapo, K3>;
using StockGspo = Objective<Gspo, K3>;
using StockGspoToken = Objective<GspoToken, K3>;

#define VISPLAY_STOCK_OBJECTIVES(X) \
  X(StockClipped) X(StockTis) X(StockCispo) X(StockSapo) X(StockGspo) X(StockGspoToken)

template <class Objective>
inline constexpr bool is_stock = false;
#define VISPLAY_IS_STOCK(Objective) \
  template <>                       \
  inline constexpr bool is_stock<Objective> = true;
VISPLAY_STOCK_OBJECTIVES(VISPLAY_IS_STOCK)
#undef VISPLAY_IS_STOCK

/// The passes compiled for one level; each in a unit of its own (objective_stock_unit.ipp).
template <SimdLevel level, class Objective>
Passes<Objective> passes_at();

/// The passes of a stock objective at the level in use; null functions if the library was built
/// without units for levels.
template <class Objective>
Passes<Objective> stock_passes();

}  // namespace objective_detail

inline namespace VISPLAY_ISA {
namespace objective_pass {

template <class Objective>
Passes<Objective> best_passes() {
#ifndef VISPLAY_HEADER_ONLY
  if constexpr (is_stock<Objective>)
    if (const auto passes = stock_passes<Objective>(); passes.gradient) return passes;
#endif
  return passes_here<Objective>();
}

}  // namespace objective_pass
}  // namespace VISPLAY_ISA
}  // namespace visplay
