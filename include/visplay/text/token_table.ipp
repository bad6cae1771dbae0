// Bodies of token_table.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/text/token_table.hpp>

#include <algorithm>
#include <bit>
#include <cstring>

namespace visplay {
namespace detail {

/// Both halves of a 128-bit product, folded: every bit of the inputs reaches every bit.
inline std::uint64_t fold_product(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return std::uint64_t(product) ^ std::uint64_t(product >> 64);
}

/// 1 to 8 bytes as one number; shorter ones by loads that overlap.
inline std::uint64_t load_up_to_8(const char* bytes, std::size_t size) {
  if (size >= 4) {
    std::uint32_t first, last;
    std::memcpy(&first, bytes, 4);
    std::memcpy(&last, bytes + size - 4, 4);
    return std::uint64_t(first) << 32 | last;
  }
  const auto byte = [&](std::size_t i) {
    return std::uint64_t(static_cast<unsigned char>(bytes[i]));
  };
  return byte(0) << 16 | byte(size / 2) << 8 | byte(size - 1);
}

VISPLAY_INLINE std::uint64_t hash_bytes(std::string_view bytes) {
  // Odd constants of splitmix64 and of the golden ratio.
  constexpr std::uint64_t first = 0x9E3779B97F4A7C15, second = 0xBF58476D1CE4E5B9,
                          third = 0x94D049BB133111EB;
  std::uint64_t hash = first ^ (bytes.size() * second);
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left > 8; at += 8, left -= 8) {
    std::uint64_t eight;
    std::memcpy(&eight, at, 8);
    hash = fold_product(hash ^ eight, second);
  }
  if (left > 0) hash ^= load_up_to_8(at, left);
  return fold_product(hash ^ third, first);
}

}  // namespace detail

VISPLAY_INLINE void TokenTable::reserve(std::size_t ids, std::size_t bytes) {
  bytes_.reserve(bytes);
  places_.reserve(ids);
  if (const std::size_t slots = std::bit_ceil(2 * ids + 16); slots > slots_.size()) grow(slots);
}

VISPLAY_INLINE void TokenTable::grow(std::size_t slots) {
  slots_.assign(slots, {});
  for (std::size_t id = 0; id < places_.size(); ++id) {
    if (places_[id].size == 0) continue;
    const std::uint64_t hash = detail::hash_bytes(bytes_of(std::int64_t(id)));
    std::size_t at = hash & (slots - 1);
    while (slots_[at].id != none) at = (at + 1) & (slots - 1);
    slots_[at] = {std::uint32_t(hash >> 32), std::int32_t(id)};
  }
}

VISPLAY_INLINE bool TokenTable::add(std::int32_t id, std::string_view bytes) {
  if (!bytes_of(id).empty()) return false;
  if (2 * (count_ + 1) > slots_.size()) grow(std::bit_ceil(2 * count_ + 16));
  const std::uint64_t hash = detail::hash_bytes(bytes);
  const auto tag = std::uint32_t(hash >> 32);
  std::size_t at = hash & (slots_.size() - 1);
  for (; slots_[at].id != none; at = (at + 1) & (slots_.size() - 1))
    if (slots_[at].tag == tag && bytes_of(slots_[at].id) == bytes) return false;
  add_hidden(id, bytes);
  slots_[at] = {tag, id};
  longest_ = std::max(longest_, bytes.size());
  ++count_;
  return true;
}

VISPLAY_INLINE bool TokenTable::add_hidden(std::int32_t id, std::string_view bytes) {
  check(!bytes.empty() && id >= 0, "token table: expected bytes and an id, got {} bytes for id {}",
        bytes.size(), id);
  check(bytes_.size() + bytes.size() <= UINT32_MAX,
        "token table: expected at most 4 GB of tokens, got more");
  if (!bytes_of(id).empty()) return false;
  if (id >= size()) places_.resize(std::size_t(id) + 1);
  places_[std::size_t(id)] = {std::uint32_t(bytes_.size()), std::uint32_t(bytes.size())};
  bytes_ += bytes;
  return true;
}

VISPLAY_INLINE std::int32_t TokenTable::find(std::string_view bytes) const {
  if (bytes.empty() || bytes.size() > longest_) return none;
  const std::uint64_t hash = detail::hash_bytes(bytes);
  const auto tag = std::uint32_t(hash >> 32);
  for (std::size_t at = hash & (slots_.size() - 1); slots_[at].id != none;
       at = (at + 1) & (slots_.size() - 1))
    if (slots_[at].tag == tag && bytes_of(slots_[at].id) == bytes) return slots_[at].id;
  return none;
}

}  // namespace visplay
