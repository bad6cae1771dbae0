// GroupedSpan: values that belong to groups of any size, held as offsets. A completion that was
// dropped makes its group smaller; nothing is padded.
//
//   GroupedSpan rewards{total, offsets};       // group g: total[offsets[g]] ... total[offsets[g + 1]]
//   for (std::size_t g = 0; g < rewards.groups(); ++g) use(rewards[g]);
#pragma once

#include <visplay/core/error.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace visplay {

struct GroupedSpan {
  std::span<const float> values{};          ///< [n]
  std::span<const std::int64_t> offsets{};  ///< [groups + 1], from 0 to n, never falling

  [[nodiscard]] std::size_t groups() const { return offsets.empty() ? 0 : offsets.size() - 1; }
  [[nodiscard]] std::size_t begin(std::size_t g) const { return std::size_t(offsets[g]); }
  [[nodiscard]] std::size_t end(std::size_t g) const { return std::size_t(offsets[g + 1]); }
  [[nodiscard]] std::span<const float> operator[](std::size_t g) const {
    return values.subspan(begin(g), end(g) - begin(g));
  }
};

/// @throws Error unless the offsets go from 0 to count without falling; none are allowed for none.
inline void check_offsets(std::span<const std::int64_t> offsets, std::size_t count,
                          std::string_view where) {
  if (offsets.empty() && count == 0) return;
  check(!offsets.empty(), "{}: expected offsets from 0 to {}, got none", where, count);
  check(offsets.front() == 0 && offsets.back() == std::int64_t(count),
        "{}: expected offsets from 0 to {}, got {} to {}", where, count, offsets.front(),
        offsets.back());
  for (std::size_t i = 1; i < offsets.size(); ++i)
    check(offsets[i - 1] <= offsets[i], "{}: offset {} falls from {} to {}", where, i,
          offsets[i - 1], offsets[i]);
}

}  // namespace visplay
