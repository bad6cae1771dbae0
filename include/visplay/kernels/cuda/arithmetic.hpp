// Arithmetic that a GPU has an instruction for and C++ no name: one in place of the four to fifteen that the
// exact function takes. On the host the exact function.
#pragma once

#include <visplay/kernels/cuda/block.hpp>

#include <cmath>

namespace visplay {

#ifdef __CUDA_ARCH__
#define VISPLAY_ONE_INSTRUCTION(of_gpu, on_host, ...) \
  float result;                                       \
  asm(of_gpu ";" : "=f"(result) : __VA_ARGS__);       \
  return result
#else
#define VISPLAY_ONE_INSTRUCTION(of_gpu, on_host, ...) return on_host
#endif

/// Not below -150, where 2^y is zero in float and its product with y is finite. NaN stays.
VISPLAY_DEVICE inline float bounded_power(float y) {
  VISPLAY_ONE_INSTRUCTION("max.NaN.f32 %0, %1, 0fC3160000", y < -150.f ? -150.f : y, "f"(y));
}
/// 2^y within 2 units in the last place; below 2^-126 it is zero on a GPU.
VISPLAY_DEVICE inline float power_of_two(float y) {
  VISPLAY_ONE_INSTRUCTION("ex2.approx.ftz.f32 %0, %1", exp2f(y), "f"(y));
}
/// The root of zero or a normal number, within 2 units in the last place.
VISPLAY_DEVICE inline float quick_root(float x) {
  VISPLAY_ONE_INSTRUCTION("sqrt.approx.ftz.f32 %0, %1", sqrtf(x), "f"(x));
}
/// a / b within 2 units in the last place, for b in [2^-126, 2^126].
VISPLAY_DEVICE inline float quick_quotient(float a, float b) {
  VISPLAY_ONE_INSTRUCTION("div.approx.ftz.f32 %0, %1, %2", a / b, "f"(a), "f"(b));
}

#undef VISPLAY_ONE_INSTRUCTION

}  // namespace visplay
