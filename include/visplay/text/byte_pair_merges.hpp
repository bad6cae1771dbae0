// BytePairMerges: the merges of a byte-level BPE vocabulary, and how a piece of text is merged.
//
//   const BytePairMerges merges(list, byte_ids);
//   MergeWork work;                                     // scratch, kept from piece to piece
//   const auto ids = merges.apply("lower", work);       // view into work
//
// Sennrich et al. 2016: of all neighbours that have a merge, the one of lowest rank is merged, the
// leftmost among equals, until none is left. A piece of n bytes costs O(n log n).
#pragma once

#include <visplay/core/macros.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace visplay {

/// Tokens left and right, side by side, become token result.
struct Merge {
  std::int32_t left = 0, right = 0, result = 0;

  bool operator==(const Merge&) const = default;
};

/// Scratch for apply(): grows to the longest piece and is then used again.
struct MergeWork {
  std::int64_t steps = 0;  ///< lookups, comparisons and moves of all pieces so far

  std::vector<std::int32_t> ids{};
  std::vector<std::uint32_t> ranks{}, previous{}, next{};
  std::vector<std::uint64_t> candidates{};
};

class BytePairMerges {
 public:
  /// Ids and ranks are below this: with both in one word, a lookup touches one cache line.
  static constexpr std::int64_t limit = (1 << 21) - 1;

  BytePairMerges() = default;
  /// @param merges    the first has the lowest rank; of a pair listed twice the last counts
  /// @param byte_ids  the token of each single byte
  /// @throws Error for more than `limit` merges, or an id outside [0, limit)
  BytePairMerges(std::span<const Merge> merges, std::span<const std::int32_t, 256> byte_ids);

  /// The tokens of one piece of at most 4 GB; valid until the next call with the same work.
  std::span<const std::int32_t> apply(std::string_view piece, MergeWork& work) const;

 private:
  static constexpr std::uint32_t no_rank = UINT32_MAX;
  static constexpr int rank_bits = 21;

  [[nodiscard]] std::uint32_t rank(std::int32_t left, std::int32_t right) const;
  void apply_short(MergeWork& work) const;
  void apply_long(MergeWork& work) const;

  std::array<std::int32_t, 256> byte_ids_{};
  std::vector<std::uint32_t> byte_ranks_{};  // [256 * 256] of pairs of single bytes
  std::vector<std::uint64_t> slots_{};       // left, right, rank; a power of two of them
  std::vector<std::int32_t> results_{};      // by rank
};

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/byte_pair_merges.ipp>
#endif
