// masked_sums: of each completion the sum of the values that a mask keeps, and how many there are: what a
// mean over tokens, a length or a share is made of.
//
//   sums[b] = {sum_t values[t] [mask[t] != 0], sum_t [mask[t] != 0]},  offsets[b] <= t < offsets[b + 1]
//
// Reads 8 bytes a token, 4 without a mask. Up to 16 packs are added in float32, then in double; the same
// to the bit for any number of threads, at the level that the unit is compiled for.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/parallel.hpp>
#include <visplay/kernels/lanes.hpp>
#include <visplay/kernels/masked_sum.hpp>
#include <visplay/kernels/pack_sum.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace visplay {

inline namespace VISPLAY_ISA {
namespace masked_sums_detail {

/// @param mask  [n], or null: all
inline MaskedSum sum_of(const float* values, const float* mask, std::size_t n) {
  constexpr std::size_t lanes = Pack::lanes, stretch = 16 * lanes;
  PackSum sum, count;
  std::size_t i = 0;
  for (; i + stretch <= n; i += stretch) {
    for (std::size_t k = i; k < i + stretch; k += lanes) {
      const Pack x = load(values + k), none(0.f);
      const auto kept = (mask ? load(mask + k) : Pack(1.f)).v != none.v;
      sum.add(select(kept, x, none));
      count.add(select(kept, Pack(1.f), none));
    }
    sum.widen(), count.widen();
  }
  MaskedSum all{sum.total(), count.total()};
  for (; i < n; ++i)
    if (!mask || mask[i] != 0) all.sum += double(values[i]), all.count += 1;
  return all;
}

}  // namespace masked_sums_detail

/// @param values   [N]
/// @param mask     [N], or empty: all; a NaN keeps, as any number but 0
/// @param offsets  [B + 1], from 0 up to N
/// @param sums     [B]
/// @throws Error if sizes do not fit or offsets fall
inline void masked_sums(std::span<const float> values, std::span<const float> mask,
                        std::span<const std::int64_t> offsets, std::span<MaskedSum> sums,
                        ThreadPool& pool) {
  check(offsets.size() == sums.size() + 1 && offsets.front() == 0 &&
            offsets.back() == std::int64_t(values.size()) &&
            std::is_sorted(offsets.begin(), offsets.end()),
        "masked_sums: expected {} offsets that rise from 0 to {}", sums.size() + 1, values.size());
  check(mask.empty() || mask.size() == values.size(), "masked_sums: expected a mask of {}, got {}",
        values.size(), mask.size());
  constexpr std::size_t at_a_time = 8, alone_below = 64;  // completions
  const auto body = [&](std::size_t begin, std::size_t end) {
    for (std::size_t b = begin; b < end; ++b) {
      const auto first = std::size_t(offsets[b]), n = std::size_t(offsets[b + 1]) - first;
      sums[b] = masked_sums_detail::sum_of(values.data() + first,
                                           mask.empty() ? nullptr : mask.data() + first, n);
    }
  };
  parallel_for(pool, sums.size(), at_a_time, body, alone_below);
}

}  // namespace VISPLAY_ISA
}  // namespace visplay
