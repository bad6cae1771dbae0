// Bodies of byte_pair_merges.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/text/byte_pair_merges.hpp>

#include <algorithm>
#include <bit>
#include <functional>

namespace visplay {
namespace detail {

inline constexpr std::uint64_t empty_slot = UINT64_MAX;

inline std::uint64_t merge_key(std::int32_t left, std::int32_t right) {
  return std::uint64_t(left) << 21 | std::uint64_t(right);
}

inline std::size_t merge_slot(std::uint64_t key, std::size_t slots) {
  // Multiplicative hashing; the high bits are the mixed ones.
  return std::size_t((key * 0x9E3779B97F4A7C15) >> (64 - std::countr_zero(slots)));
}

}  // namespace detail

VISPLAY_INLINE BytePairMerges::BytePairMerges(std::span<const Merge> merges,
                                              std::span<const std::int32_t, 256> byte_ids)
    : byte_ranks_(256 * 256), slots_(std::bit_ceil(2 * merges.size() + 16), detail::empty_slot) {
  check(std::int64_t(merges.size()) < limit, "merges: expected fewer than {}, got {}", limit,
        merges.size());
  std::ranges::copy(byte_ids, byte_ids_.begin());
  results_.reserve(merges.size());
  for (const Merge& merge : merges) {
    for (const std::int32_t id : {merge.left, merge.right, merge.result})
      check(id >= 0 && id < limit, "merges: expected ids from 0 to {}, got {}", limit - 1, id);
    const std::uint64_t key = detail::merge_key(merge.left, merge.right);
    std::size_t at = detail::merge_slot(key, slots_.size());
    while (slots_[at] != detail::empty_slot && slots_[at] >> rank_bits != key)
      at = (at + 1) & (slots_.size() - 1);
    slots_[at] = key << rank_bits | results_.size();
    results_.push_back(merge.result);
  }
  for (int left = 0; left < 256; ++left)
    for (int right = 0; right < 256; ++right)
      byte_ranks_[left * 256 + right] = rank(byte_ids_[left], byte_ids_[right]);
}

VISPLAY_INLINE std::uint32_t BytePairMerges::rank(std::int32_t left, std::int32_t right) const {
  const std::uint64_t key = detail::merge_key(left, right);
  for (std::size_t at = detail::merge_slot(key, slots_.size());;
       at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at] >> rank_bits == key) return slots_[at] & ((1u << rank_bits) - 1);
    if (slots_[at] == detail::empty_slot) return no_rank;
  }
}

VISPLAY_INLINE std::span<const std::int32_t> BytePairMerges::apply(std::string_view piece,
                                                                   MergeWork& work) const {
  check(piece.size() < UINT32_MAX, "merges: expected a piece below 4 GB, got {} bytes",
        piece.size());
  const std::size_t size = piece.size();
  work.ids.resize(size);
  work.ranks.resize(size);
  for (std::size_t i = 0; i < size; ++i) {
    const auto byte = static_cast<unsigned char>(piece[i]);
    work.ids[i] = byte_ids_[byte];
    work.ranks[i] =
        i + 1 < size ? byte_ranks_[byte * 256 + static_cast<unsigned char>(piece[i + 1])] : no_rank;
  }
  work.steps += std::int64_t(size);
  constexpr std::size_t short_piece = 48;  // where a heap begins to pay
  if (size <= short_piece)
    apply_short(work);
  else
    apply_long(work);
  return work.ids;
}

/// Searches all ranks for each merge and closes the gap: quadratic, but in a few cache lines.
VISPLAY_INLINE void BytePairMerges::apply_short(MergeWork& work) const {
  std::int32_t* const ids = work.ids.data();
  std::uint32_t* const ranks = work.ranks.data();
  std::size_t size = work.ids.size();
  while (size > 1) {
    const std::size_t at = std::size_t(std::min_element(ranks, ranks + size - 1) - ranks);
    work.steps += std::int64_t(size);
    if (ranks[at] == no_rank) break;
    ids[at] = results_[ranks[at]];
    std::copy(ids + at + 2, ids + size, ids + at + 1);
    std::copy(ranks + at + 2, ranks + size, ranks + at + 1);
    --size;
    ranks[at] = at + 1 < size ? rank(ids[at], ids[at + 1]) : no_rank;
    if (at > 0) ranks[at - 1] = rank(ids[at - 1], ids[at]);
  }
  work.ids.resize(size);
}

/// A heap of candidates, rank above position in one word, over a linked list of symbols. One that is
/// no longer the rank at its position is left in the heap and passed over when it comes up.
VISPLAY_INLINE void BytePairMerges::apply_long(MergeWork& work) const {
  const auto size = std::uint32_t(work.ids.size());
  // References, for a structured binding cannot be captured before clang 16.
  auto& ids = work.ids;
  auto& ranks = work.ranks;
  auto& previous = work.previous;
  auto& next = work.next;
  auto& heap = work.candidates;
  previous.resize(size);
  next.resize(size);
  heap.clear();
  for (std::uint32_t i = 0; i < size; ++i) {
    previous[i] = i - 1;
    next[i] = i + 1;
    if (ranks[i] != no_rank) heap.push_back(std::uint64_t(ranks[i]) << 32 | i);
  }
  const auto later = [&](std::uint64_t a, std::uint64_t b) { return ++work.steps, a > b; };
  const auto offer = [&](std::uint32_t at) {
    ranks[at] = next[at] < size ? rank(ids[at], ids[next[at]]) : no_rank;
    if (ranks[at] == no_rank) return;
    heap.push_back(std::uint64_t(ranks[at]) << 32 | at);
    std::push_heap(heap.begin(), heap.end(), later);
  };
  std::make_heap(heap.begin(), heap.end(), later);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const auto at = std::uint32_t(heap.back());
    const bool current = ranks[at] == heap.back() >> 32;
    heap.pop_back();
    if (!current) continue;
    ids[at] = results_[ranks[at]];
    ranks[next[at]] = no_rank;
    next[at] = next[next[at]];
    if (next[at] < size) previous[next[at]] = at;
    offer(at);
    if (at > 0) offer(previous[at]);
  }
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < size; i = next[i]) ids[kept++] = ids[i];
  ids.resize(kept);
}

}  // namespace visplay
