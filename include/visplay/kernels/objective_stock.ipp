// The choice among the levels that the stock objectives are compiled for. VISPLAY_SIMD_UNITS says
// that the program has objective_stock_unit.ipp in a unit per level, as CMake builds it on x86-64.
#pragma once

#include <visplay/kernels/objective_stock.hpp>

#ifndef VISPLAY_HEADER_ONLY
namespace visplay::objective_detail {

template <class Objective>
Passes<Objective> stock_passes() {
#ifdef VISPLAY_SIMD_UNITS
  switch (simd_level()) {
    case SimdLevel::amx:
    case SimdLevel::avx512_bf16:
    case SimdLevel::avx512:
      return passes_at<SimdLevel::avx512, Objective>();
    case SimdLevel::avx2:
      return passes_at<SimdLevel::avx2, Objective>();
    case SimdLevel::portable:
      return passes_at<SimdLevel::portable, Objective>();
  }
#endif
  return {};
}

#define VISPLAY_STOCK_PASSES(Objective) template Passes<Objective> stock_passes<Objective>();
VISPLAY_STOCK_OBJECTIVES(VISPLAY_STOCK_PASSES)
#undef VISPLAY_STOCK_PASSES

}  // namespace visplay::objective_detail
#endif
