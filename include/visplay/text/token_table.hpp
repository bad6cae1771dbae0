// TokenTable: the bytes of tokens by id, and the id of bytes. One block holds all bytes, and a
// lookup touches one slot, one place and the bytes: a vocabulary of 150,000 is read in 10 ms.
//
//   TokenTable table;
//   table.add(7, "ab");           // false if the bytes or the id are taken
//   table.find("ab") == 7; table.bytes_of(7) == "ab";
#pragma once

#include <visplay/core/macros.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace visplay {

class TokenTable {
 public:
  static constexpr std::int32_t none = -1;

  /// Room for tokens with ids below `ids` and this many bytes in all; both may be exceeded.
  void reserve(std::size_t ids, std::size_t bytes);

  /// Adds a token; false, and nothing is changed, if another has the same bytes or the same id.
  /// Bytes may not be empty, ids not negative. @throws Error above 4 GB of bytes
  bool add(std::int32_t id, std::string_view bytes);

  /// Gives an id its bytes, which find() does not know of: they may be another token's, too.
  /// False if the id is taken.
  bool add_hidden(std::int32_t id, std::string_view bytes);

  /// The id of the token with these bytes, or none.
  [[nodiscard]] std::int32_t find(std::string_view bytes) const;

  /// Empty for an id without a token.
  [[nodiscard]] std::string_view bytes_of(std::int64_t id) const {
    if (id < 0 || id >= size()) return {};
    const Place place = places_[std::size_t(id)];
    return {bytes_.data() + place.begin, place.size};
  }

  /// One past the largest id.
  [[nodiscard]] std::int64_t size() const { return std::int64_t(places_.size()); }
  [[nodiscard]] std::size_t longest() const { return longest_; }  ///< bytes

 private:
  struct Place {
    std::uint32_t begin = 0, size = 0;
  };
  struct Slot {
    std::uint32_t tag = 0;  // of the hash, so that other bytes are rarely looked at
    std::int32_t id = none;
  };
  void grow(std::size_t slots);

  std::string bytes_{};
  std::vector<Place> places_{};  // by id
  std::vector<Slot> slots_{};    // a power of two of them, at most half taken
  std::size_t count_ = 0, longest_ = 0;
};

namespace detail {
/// 64 mixed bits of any bytes; the same on every machine.
[[nodiscard]] std::uint64_t hash_bytes(std::string_view bytes);
}  // namespace detail

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/token_table.ipp>
#endif
