// The largest logits of a row by a block of threads, one after the other. Each thread knows the largest of
// its own; when that is taken, all threads look for the next among what is that thread's. No atomics, no
// limit to how many. k of them: one pass over the row, then k times 1/threads of it and a reduction.
#pragma once

#include <visplay/kernels/cuda/block.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace visplay {

/// A logit and its id as a number, the larger the earlier in the order of kernels/largest.hpp: by logit,
/// at a tie the lower id first; NaN is -infinity. Zero is none.
using TopKey = std::uint64_t;

VISPLAY_DEVICE inline TopKey top_key(float logit, std::uint32_t id) {
  constexpr std::uint32_t sign = 0x80000000u;
  if (logit != logit) logit = -std::numeric_limits<float>::infinity();
  const auto bits = std::bit_cast<std::uint32_t>(logit + 0.f);  // not -0
  const std::uint32_t ordered = bits & sign ? ~bits : bits | sign;
  return (TopKey(ordered) << 32) | ~id;
}
VISPLAY_DEVICE inline float logit_of(TopKey key) {
  constexpr std::uint32_t sign = 0x80000000u;
  const auto ordered = std::uint32_t(key >> 32);
  return std::bit_cast<float>(ordered & sign ? ordered & ~sign : ~ordered);
}
VISPLAY_DEVICE inline std::int32_t id_of(TopKey key) { return std::int32_t(~std::uint32_t(key)); }

/// Elements [begin, end) of a view in order; element `begin` has id `first_id`. All threads make one and
/// call what it has; they get the same.
template <class Number, Block B>
class TopLogits {
 public:
  VISPLAY_DEVICE TopLogits(B& block, const GlobalView<const Number>& logits, std::size_t begin,
                           std::size_t end, std::size_t first_id)
      : block_(block),
        logits_(logits),
        begin_(begin),
        end_(end),
        id_of_zero_(std::uint32_t(first_id - begin)) {
    mine_ = largest_below(all, std::size_t(block.thread()), 0, 1);
    largest_ = block_reduce<2>(block, mine_, Larger{});
  }

  /// The largest that is left, or 0.
  [[nodiscard]] VISPLAY_DEVICE TopKey largest() const { return largest_; }
  /// largest() is not 0.
  VISPLAY_DEVICE void take() {
    const bool was_mine = mine_ == largest_;
    auto owner = block_.template shared<int, 1, 4>();
    if (was_mine) owner.write(0, block_.thread());
    block_.sync();
    const TopKey next = largest_below(largest_, std::size_t(owner.read(0)),
                                      std::size_t(block_.thread()), std::size_t(block_.threads()));
    const Pair both = block_reduce<3>(block_, Pair{was_mine ? 0 : mine_, next}, LargerPair{});
    if (was_mine) mine_ = both.next;
    largest_ = Larger{}(both.others, both.next);
  }

 private:
  static constexpr TopKey all = ~TopKey(0);
  /// The largest of what other threads have, and of what is left of the owner's.
  struct Pair {
    TopKey others, next;
  };
  struct LargerPair {
    VISPLAY_DEVICE Pair operator()(const Pair& a, const Pair& b) const {
      return {Larger{}(a.others, b.others), Larger{}(a.next, b.next)};
    }
  };

  /// Of a part of what thread `owner` has.
  VISPLAY_DEVICE TopKey largest_below(TopKey bound, std::size_t owner, std::size_t part,
                                      std::size_t parts) const {
    TopKey largest = 0;
    const auto look = [&](const Number& x, std::size_t i) {
      const TopKey key = top_key(float(x), id_of_zero_ + std::uint32_t(i));
      if (key < bound && key > largest) largest = key;
    };
    constexpr int n = vector_length<Number>;
    for_each_vector_of(
        logits_, begin_, end_, owner, std::size_t(block_.threads()), part, parts,
        [&](std::size_t i) {
          const auto some = block_.template read_vector<n>(logits_, i);
          for (int k = 0; k < n; ++k) look(some.at[k], i + std::size_t(k));
        },
        [&](std::size_t i) { look(block_.read(logits_, i), i); });
    return largest;
  }

  B& block_;
  GlobalView<const Number> logits_;
  std::size_t begin_, end_;
  std::uint32_t id_of_zero_;  // modulo 2^32
  TopKey mine_ = 0, largest_ = 0;
};

}  // namespace visplay
