// Rng: a counter-based random generator (Philox 4x32-10, Salmon et al. 2011) passed by value.
//
//   Rng rng(seed);
//   Rng votes = rng.fork("votes", step);      // a stream of its own, whatever else draws
//
// Children depend on the parent's key and on (label, index), never on how much was drawn: adding a
// consumer, a thread or a resume changes no other stream.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <string_view>
#include <utility>

namespace visplay {

/// One block of Philox 4x32-10: 128 random bits for a 128-bit counter under a 64-bit key.
constexpr std::array<std::uint32_t, 4> philox_4x32_10(std::array<std::uint32_t, 4> counter,
                                                      std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = 0xD2511F53ull * counter[0], b = 0xCD9E8D57ull * counter[2];
    counter = {std::uint32_t(b >> 32) ^ counter[1] ^ key[0], std::uint32_t(b),
               std::uint32_t(a >> 32) ^ counter[3] ^ key[1], std::uint32_t(a)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

/// A UniformRandomBitGenerator of 64-bit words; cheap to copy (32 bytes).
class Rng {
 public:
  using result_type = std::uint64_t;

  explicit constexpr Rng(std::uint64_t seed = 0) : key_(seed) {}

  /// The stream named (label, index) below this one. Independent of what this one has drawn.
  [[nodiscard]] constexpr Rng fork(std::string_view label, std::uint64_t index = 0) const {
    std::uint64_t name = 0xCBF29CE484222325ull;  // FNV-1a of the label
    for (const char c : label) name = (name ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
    return Rng(word(block({std::uint32_t(name), std::uint32_t(name >> 32), std::uint32_t(index),
                           ~std::uint32_t(index >> 32)}),
                    0));
  }

  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }

  constexpr result_type operator()() {
    const std::uint64_t at = drawn_++;
    const auto bits = block({std::uint32_t(at >> 1), std::uint32_t(at >> 33), 0, 0});
    return word(bits, int(at & 1));
  }

  /// Goes on as if `words` numbers had been drawn; costs nothing.
  constexpr void discard(std::uint64_t words) { drawn_ += words; }

  /// Uniform in [0, 1), 53 bits.
  constexpr double uniform() { return unit((*this)()); }
  /// Uniform in [low, high).
  constexpr double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Uniform in 0 ... n - 1; n > 0. The bias is below n / 2^64.
  constexpr std::uint64_t below(std::uint64_t n) {
    return std::uint64_t((static_cast<unsigned __int128>((*this)()) * n) >> 64);
  }
  /// True with probability p.
  constexpr bool chance(double p) { return uniform() < p; }
  /// Standard normal (Box-Muller; two words a draw).
  double normal() {
    const auto [first, second] = two_words();
    const double radius = std::sqrt(-2 * std::log1p(-unit(first)));
    return radius * std::cos(2 * std::numbers::pi * unit(second));
  }
  /// Fisher-Yates, the same on every platform (std::shuffle is not).
  template <class Sequence>
  constexpr void shuffle(Sequence& items) {
    for (std::uint64_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

  /// What names this stream; a seed for generators of other libraries.
  [[nodiscard]] constexpr std::uint64_t key() const { return key_; }

 private:
  static constexpr double unit(std::uint64_t word) { return double(word >> 11) * 0x1p-53; }
  /// The next two, from one block where they share it.
  constexpr std::pair<std::uint64_t, std::uint64_t> two_words() {
    if (drawn_ % 2 != 0) return {(*this)(), (*this)()};
    const auto bits = block({std::uint32_t(drawn_ >> 1), std::uint32_t(drawn_ >> 33), 0, 0});
    drawn_ += 2;
    return {word(bits, 0), word(bits, 1)};
  }
  constexpr std::array<std::uint32_t, 4> block(std::array<std::uint32_t, 4> counter) const {
    return philox_4x32_10(counter, {std::uint32_t(key_), std::uint32_t(key_ >> 32)});
  }
  static constexpr std::uint64_t word(const std::array<std::uint32_t, 4>& bits, int half) {
    return bits[2 * half] | std::uint64_t(bits[2 * half + 1]) << 32;
  }

  std::uint64_t key_ = 0;
  std::uint64_t drawn_ = 0;
};

}  // namespace visplay
