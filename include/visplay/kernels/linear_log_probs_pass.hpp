// The two passes of linear_log_probs for the processor that the including unit is compiled for.
#pragma once

#include <visplay/kernels/linear_log_probs_backward.hpp>
#include <visplay/kernels/linear_log_probs_forward.hpp>

namespace visplay {
inline namespace VISPLAY_ISA {
namespace matrix {

template <class Tiles, class T>
Passes passes_of() {
  Passes passes;
  passes.forward_bytes = [](const Plan& plan) { return Forward<Tiles, T>(plan, nullptr).bytes; };
  passes.forward = [](const Plan& plan, const ForwardResult& result, std::byte* memory) {
    Forward<Tiles, T>(plan, memory).run(result);
  };
  passes.backward_bytes = [](const Plan& plan) { return Backward<Tiles, T>(plan, nullptr).bytes; };
  passes.backward = [](const Plan& plan, const BackwardInput& input, std::byte* memory) {
    Backward<Tiles, T>(plan, memory).run(input);
  };
  return passes;
}

inline Passes passes_here(FloatType type, SimdLevel level) {
  return with_best_tiles(type, level, []<class Tiles, class T>() { return passes_of<Tiles, T>(); });
}

}  // namespace matrix
}  // namespace VISPLAY_ISA
}  // namespace visplay
