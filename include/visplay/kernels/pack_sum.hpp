// PackSum: a sum in double of packs in float, for loops that run over many registers.
#pragma once

#include <visplay/core/pack.hpp>

#include <utility>

namespace visplay {
inline namespace VISPLAY_ISA {

/// Packs are added up a few at a time (the caller says when to widen) before they go to double,
/// which rounds no more than the packs themselves did.
class PackSum {
 public:
  void add(const Pack& pack) { few_.v += pack.v; }
  void widen() {
    constexpr std::make_integer_sequence<int, Pack::lanes / 2> lanes;
    low_ += __builtin_convertvector(half<0>(lanes), Wide);
    high_ += __builtin_convertvector(half<Pack::lanes / 2>(lanes), Wide);
    few_ = Pack();
  }
  [[nodiscard]] double total() const {
    double sum = 0;
    for (int i = 0; i < Pack::lanes / 2; ++i) sum += low_[i];
    for (int i = 0; i < Pack::lanes / 2; ++i) sum += high_[i];
    return sum;
  }

 private:
  using Half = float __attribute__((vector_size(VISPLAY_REGISTER_BYTES / 2)));
  using Wide = double __attribute__((vector_size(VISPLAY_REGISTER_BYTES)));
  template <int first, int... i>
  [[nodiscard]] Half half(std::integer_sequence<int, i...>) const {
    return __builtin_shufflevector(few_.v, few_.v, (first + i)...);
  }
  Pack few_;
  Wide low_{}, high_{};
};

}  // namespace VISPLAY_ISA
}  // namespace visplay
