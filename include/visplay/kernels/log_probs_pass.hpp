// The inner loops of kernels/log_probs.hpp, which is what to call. In the namespace of the unit's
// level, with nothing of the standard library called: see kernels/objective_pass.hpp.
#pragma once

#include <visplay/core/simd_level.hpp>
#include <visplay/kernels/both.hpp>
#include <visplay/kernels/lanes.hpp>
#include <visplay/kernels/largest.hpp>
#include <visplay/kernels/log_probs_formula.hpp>
#include <visplay/kernels/log_probs_reference.hpp>
#include <visplay/kernels/pack_sum.hpp>
#include <visplay/kernels/power_of_two.hpp>
#include <visplay/kernels/two_packs.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

namespace visplay {
namespace log_probs_detail {

/// As compiled for one level. `factor` is c.
template <class Number>
struct LogProbPasses {
  void (*sums)(const Number* row, std::size_t vocabulary, float factor, bool squares, RowSums*,
               Largest*);
  void (*gradient)(Number* row, std::size_t vocabulary, float factor, const RowSlope&);
};

}  // namespace log_probs_detail

inline namespace VISPLAY_ISA {
namespace log_probs_pass {

using namespace log_probs_detail;
using Lanes = Pack::Lanes;

constexpr std::size_t pair = 2 * std::size_t(Pack::lanes);
constexpr std::size_t chunk = 1024;  // logits: stay in the first cache for a second look

/// @param count  a multiple of pair
template <class Number>
inline float largest_of(const Number* from, std::size_t count) {
  Lanes largest_a = Lanes{} - std::numeric_limits<float>::infinity(), largest_b = largest_a;
  for (std::size_t at = 0; at < count; at += pair) {
    Lanes a, b;
    load_two(from + at, a, b);
    largest_a = larger(a, largest_a), largest_b = larger(b, largest_b);
  }
  float largest = largest_a[0];
  for (int i = 0; i < Pack::lanes; ++i) {
    if (largest_a[i] > largest) largest = largest_a[i];
    if (largest_b[i] > largest) largest = largest_b[i];
  }
  return largest;
}

/// Lane by lane.
struct ChunkSums {
  Lanes sum, weighted, squares;
};

template <int distance = Pack::lanes / 2, int... i>
inline float sum_of_lanes(const Lanes& x, std::integer_sequence<int, i...> lanes) {
  if constexpr (distance == 0)
    return x[0];
  else
    return sum_of_lanes<distance / 2>(x + __builtin_shufflevector(x, x, (i ^ distance)...), lanes);
}
inline float sum_of_lanes(const Lanes& x) {
  return sum_of_lanes(x, std::make_integer_sequence<int, Pack::lanes>{});
}

/// @tparam bounded  whether a y may be -infinity
template <bool squares, bool bounded, class Number>
inline ChunkSums sums_of(const Number* from, std::size_t count, float factor,
                         const Reference<float>& reference) {
  Lanes sum_a{}, sum_b{}, weighted_a{}, weighted_b{}, squares_a{}, squares_b{};
  for (std::size_t at = 0; at < count; at += pair) {
    fetch_ahead<pair * sizeof(Number)>(from + at);
    Lanes a, b;
    load_two(from + at, a, b);
    a = reference.y_of(a, factor), b = reference.y_of(b, factor);
    if constexpr (bounded) a = bounded_below(a), b = bounded_below(b);
    const auto [power_a, power_b] = power_of_two(Both<Lanes>{a, b});
    sum_a += power_a, sum_b += power_b;
    weighted_a += power_a * a, weighted_b += power_b * b;
    if constexpr (squares) squares_a += power_a * power_a, squares_b += power_b * power_b;
  }
  return {sum_a + sum_b, weighted_a + weighted_b, squares_a + squares_b};
}

/// The sums of a row, chunk after chunk. The reference is the largest logit of the first chunk with
/// one that is not masked; only where that turns out much too small it is raised. Masked logits are
/// looked for only after a chunk has shown that there are some.
template <bool squares, class Number>
class RowPass {
 public:
  explicit RowPass(float factor) : factor_(factor) {}

  void add(const Number* from, std::size_t count) {
    if (!has_reference_) raise_reference(from, count);
    ChunkSums sums = sums_of_chunk(from, count);
    if (!is_in_range(sums)) {
      raise_reference(from, count);
      bounded_ = true;
      sums = sums_of_chunk(from, count);
    }
    sum_.add(Pack(sums.sum)), sum_.widen();
    weighted_.add(Pack(sums.weighted)), weighted_.widen();
    if constexpr (squares) squares_.add(Pack(sums.squares)), squares_.widen();
  }
  [[nodiscard]] RowSums sums() const {
    RowSums all = sums_before_;
    all.add(sum_.total(), weighted_.total(), squares_.total());
    return all;
  }

 private:
  ChunkSums sums_of_chunk(const Number* from, std::size_t count) const {
    return bounded_ ? sums_of<squares, true>(from, count, factor_, reference_)
                    : sums_of<squares, !scales_powers>(from, count, factor_, reference_);
  }
  /// Whether y was small enough everywhere. A masked logit makes `weighted` NaN.
  static bool is_in_range(const ChunkSums& sums) {
    constexpr float too_large = 0x1p60f;  // whose square a float still holds
    return sum_of_lanes(sums.sum + (sums.weighted - sums.weighted)) < too_large;
  }
  void raise_reference(const Number* from, std::size_t count) {
    const float largest = largest_of(from, count);
    if (!(largest > -std::numeric_limits<float>::max())) return;
    const auto reference = Reference<float>::of(largest, factor_);
    if (has_reference_ && !(reference.value > reference_.value)) return;
    const double offset = reference.offset(factor_);
    sums_before_ = sums(), sum_ = weighted_ = squares_ = PackSum();
    has_reference_ ? sums_before_.refer_to(offset) : void(sums_before_.offset = offset);
    has_reference_ = true;
    reference_ = reference;
  }

  float factor_;
  bool has_reference_ = false, bounded_ = false;
  Reference<float> reference_;
  RowSums sums_before_;               // the reference was raised
  PackSum sum_, weighted_, squares_;  // since then
};

template <class Number>
inline void collect(const Number* from, std::size_t count, std::size_t begin, Largest& largest) {
  for (std::size_t at = 0; at < count; ++at)
    if (const float x = from[at]; largest.takes(x)) largest.put(x, std::int32_t(begin + at));
}

template <bool squares, class Number>
RowSums sums_of_row(const Number* row, std::size_t vocabulary, float factor, Largest* largest) {
  RowPass<squares, Number> pass(factor);
  const auto add = [&](const Number* from, std::size_t padded, std::size_t count,
                       std::size_t begin) {
    pass.add(from, padded);
    if (largest && largest->takes(largest_of(from, padded))) collect(from, count, begin, *largest);
  };
  std::size_t begin = 0;
  for (; begin + chunk <= vocabulary; begin += chunk) add(row + begin, chunk, chunk, begin);
  if (const std::size_t count = vocabulary - begin; count > 0) {
    Number last[chunk];
    for (std::size_t i = 0; i < chunk; ++i)
      last[i] = i < count ? row[begin + i] : Number(-std::numeric_limits<float>::infinity());
    add(last, (count + pair - 1) / pair * pair, count, begin);
  }
  return pass.sums();
}

template <class Number>
void sums(const Number* row, std::size_t vocabulary, float factor, bool squares, RowSums* out,
          Largest* largest) {
  *out = squares ? sums_of_row<true>(row, vocabulary, factor, largest)
                 : sums_of_row<false>(row, vocabulary, factor, largest);
}

template <class Number>
inline void gradient_two(const Number* from, Number* to, float factor, const RowSlope& slope) {
  Lanes a, b;
  load_two(from, a, b);
  a = bounded_below(a * factor - slope.reference), b = bounded_below(b * factor - slope.reference);
  const auto [power_a, power_b] = power_of_two(Both<Lanes>{a, b});
  store_two(to, power_a * (slope.a + slope.b * a), power_b * (slope.a + slope.b * b));
}

template <class Number>
void gradient(Number* row, std::size_t vocabulary, float factor, const RowSlope& slope_in) {
  // A NaN of some bits (0x7FFFFFFF, as GPUs make it) would be rounded to a finite bfloat16.
  const auto plain = [](float x) { return x == x ? x : std::numeric_limits<float>::quiet_NaN(); };
  const RowSlope slope{plain(slope_in.a), plain(slope_in.b), plain(slope_in.reference)};
  std::size_t at = 0;
  for (; at + pair <= vocabulary; at += pair) {
    fetch_ahead<pair * sizeof(Number)>(row + at);
    gradient_two(row + at, row + at, factor, slope);
  }
  if (at == vocabulary) return;
  Number last[pair];
  for (std::size_t i = 0; i < pair; ++i) last[i] = row[at + i < vocabulary ? at + i : at];
  gradient_two(last, last, factor, slope);
  for (std::size_t i = 0; at + i < vocabulary; ++i) row[at + i] = last[i];
}

template <class Number>
LogProbPasses<Number> passes_here() {
  return {&sums<Number>, &gradient<Number>};
}

}  // namespace log_probs_pass
}  // namespace VISPLAY_ISA
}  // namespace visplay
