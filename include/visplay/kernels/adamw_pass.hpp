// The inner loops of kernels/adamw.hpp, which is what to call. In the namespace of the unit's level,
// with nothing of the standard library called: see kernels/objective_pass.hpp.
#pragma once

#include <visplay/core/simd_level.hpp>
#include <visplay/kernels/adamw_formula.hpp>
#include <visplay/kernels/compact_adamw_pass.hpp>
#include <visplay/kernels/pack_sum.hpp>

#include <cstddef>

namespace visplay {
namespace adamw_detail {

/// Elements of one tensor. No gradients: they are zero.
struct FloatStretch {
  float* weights;
  const float* gradients;
  float *first, *second;
  std::size_t count;
};

/// As compiled for one level.
struct AdamWPasses {
  double (*float_squares)(const float*, std::size_t);
  double (*bfloat16_squares)(const BFloat16*, std::size_t);
  void (*update_floats)(const AdamWFactors&, const FloatStretch&);
  void (*update_compact)(const AdamWFactors&, const CompactStretch&);
};

}  // namespace adamw_detail

inline namespace VISPLAY_ISA {
namespace adamw_pass {

using namespace adamw_detail;
using Lanes = Pack::Lanes;

/// Sum of squares. Squares are added four at a time in float, then in double.
template <class Number>
inline double squares(const Number* from, std::size_t count) {
  constexpr std::size_t lanes = Pack::lanes;
  PackSum sums[4];
  std::size_t at = 0;
  while (at + 16 * lanes <= count) {
    for (int turn = 0; turn < 4; ++turn)
      for (PackSum& sum : sums) {
        const Pack x = load(from + at);
        sum.add(x * x);
        at += lanes;
      }
    for (PackSum& sum : sums) sum.widen();
  }
  double total = 0;
  for (PackSum& sum : sums) total += sum.total();
  for (; at < count; ++at) total += double(from[at]) * double(from[at]);
  return total;
}

inline double float_squares(const float* from, std::size_t count) { return squares(from, count); }
inline double bfloat16_squares(const BFloat16* from, std::size_t count) {
  return squares(from, count);
}

inline void update_pack(const AdamWFactors& f, const Pack& gradient, Pack& weight, Pack& first,
                        Pack& second) {
  first.v = next_first(f, Lanes(f.beta1 * first.v), gradient.v);
  second.v = next_second(f, Lanes(f.beta2 * second.v), gradient.v);
  weight.v = next_weight(f, weight.v, first.v / divisor_of(f, sqrt(second).v));
}

inline void update_floats(const AdamWFactors& f, const FloatStretch& stretch) {
  const FloatStretch s = stretch;
  std::size_t at = 0;
  for (; at + Pack::lanes <= s.count; at += Pack::lanes) {
    Pack weight = load(s.weights + at), first = load(s.first + at), second = load(s.second + at);
    update_pack(f, s.gradients ? load(s.gradients + at) : Pack(0.f), weight, first, second);
    store(s.weights + at, weight), store(s.first + at, first), store(s.second + at, second);
  }
  if (const int rest = int(s.count - at); rest > 0) {
    Pack weight = load_first(s.weights + at, rest), first = load_first(s.first + at, rest);
    Pack second = load_first(s.second + at, rest);
    update_pack(f, s.gradients ? load_first(s.gradients + at, rest) : Pack(0.f), weight, first,
                second);
    store_first(s.weights + at, weight, rest), store_first(s.first + at, first, rest);
    store_first(s.second + at, second, rest);
  }
}

inline AdamWPasses passes_here() {
  return {&float_squares, &bfloat16_squares, &update_floats, &update_compact};
}

}  // namespace adamw_pass
}  // namespace VISPLAY_ISA
}  // namespace visplay
