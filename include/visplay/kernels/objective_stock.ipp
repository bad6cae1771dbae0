// The choice among the levels that the stock objectives are compiled for. VISPLAY_SIMD_UNITS says
// that the program has objective_stock_unit.ipp in a unit per level, as CMake builds it on x86-64.
#pragma once

#include <visplay/kernels/objective_stock.hpp>

#ifndef VISPLAY_HEADER_ONLY
namespace visplay::objective_detail {

template <class Objective>
Passes<Objective> stock_passes() {
#ifdef VISPLAY_SIMD_UNITS
  return at_simd_level<SimdLevel::avx512>(
      simd_level(), []<SimdLevel level>() { return passes_at<level, Objective>(); });
#else
  return {};
#endif
}

#define VISPLAY_STOCK_PASSES(Objective) template Passes<Objective> stock_passes<Objective>();
VISPLAY_STOCK_OBJECTIVES(VISPLAY_STOCK_PASSES)
#undef VISPLAY_STOCK_PASSES

}  // namespace visplay::objective_detail
#endif
