// The stock objectives for the level that the including unit is compiled for. Part of
// objective_stock.ipp; nothing else belongs in such a unit.
#include <visplay/kernels/objective_stock.hpp>

namespace visplay::objective_detail {

template <SimdLevel level, class Objective>
Passes<Objective> passes_at() {
  return objective_pass::passes_here<Objective>();
}

#define VISPLAY_PASSES_AT(Objective) \
  template Passes<Objective> passes_at<unit_simd_level, Objective>();
VISPLAY_STOCK_OBJECTIVES(VISPLAY_PASSES_AT)
#undef VISPLAY_PASSES_AT

}  // namespace visplay::objective_detail
