// Logits that the forward pass of linear_log_probs keeps, so that the backward pass does not compute
// them again: of the first rows of the head and all tokens, as many as the caller's memory holds.
//
// [rows of the head / work_rows][panels of tokens] tiles. float32 and float16: each tile as the product
// left it, so the gradient has the same bits as without. bfloat16: a KeptLogit each, from the largest that
// its token had met.
#pragma once

#include <visplay/core/bfloat16.hpp>
#include <visplay/kernels/kept_logit.hpp>
#include <visplay/kernels/linear_log_probs_plan.hpp>
#include <visplay/kernels/power_of_two.hpp>
#include <visplay/kernels/product_parts.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace visplay {
inline namespace VISPLAY_ISA {
namespace matrix {

/// A tile among those kept, or nothing.
/// @tparam Byte  std::byte, const for those who only read
template <class T, int columns, class Byte>
struct KeptTile {
  using Lanes = Pack::Lanes;
  static constexpr bool narrow = std::is_same_v<T, BFloat16>;
  static constexpr std::ptrdiff_t row_bytes = columns * (narrow ? 2 : 4),
                                  offset_bytes = narrow ? columns * 4 : 0,
                                  bytes = work_rows * row_bytes + offset_bytes;

  Byte* memory = nullptr;

  /// @param below  y of the row: at most about zero
  void put_row(int row, const float* logits, const Both<Lanes>& below) const {
    Byte* to = memory + row * row_bytes;
    if constexpr (narrow) {
      const auto steps_of = [](const Lanes& y) {
        const Lanes rounded = multiply_add(y, Lanes{} - KeptLogit::steps, Lanes{} + 0.5f);
        return __builtin_convertvector(larger(smaller(rounded, Lanes{} + KeptLogit::most), Lanes{}),
                                       PackIntegers);
      };
      const PackIntegers words = (steps_of(below.a) & 0xFFFF) | (steps_of(below.b) << 16);
      std::memcpy(to, &words, sizeof words);
    } else {
      std::memcpy(to, logits, row_bytes);
    }
  }
  /// @param offsets  r of y
  void put_offsets(const Both<Lanes>& offsets) const {
    if constexpr (narrow) std::memcpy(memory + work_rows * row_bytes, &offsets, sizeof offsets);
  }

  /// Numbers that `factor` turns into y, [rows][columns]: in the tile itself, or in `room`.
  const float* read(float* room) const {
    if constexpr (!narrow) return reinterpret_cast<const float*>(memory);
    Both<Lanes> offset;
    std::memcpy(&offset, memory + work_rows * row_bytes, sizeof offset);
    for (int row = 0; row < work_rows; ++row) {
      PackBits words;
      std::memcpy(&words, memory + row * row_bytes, sizeof words);
      const auto y_of = [](const Lanes& from, const PackBits& below) {
        return from - __builtin_convertvector(PackIntegers(below), Lanes) * (1 / KeptLogit::steps);
      };
      store(room + row * columns, Pack(y_of(offset.a, words & 0xFFFFu)));
      store(room + row * columns + Pack::lanes, Pack(y_of(offset.b, words >> 16)));
    }
    return room;
  }
  [[nodiscard]] static float factor(float of_logits) { return narrow ? 1.f : of_logits; }
};

/// All that are kept, in memory of any alignment.
template <class T, int columns, class Byte>
class Kept {
 public:
  using Tile = KeptTile<T, columns, Byte>;

  Kept(std::span<Byte> memory, const linear_log_probs_detail::Plan& plan)
      : panels_(linear_log_probs_detail::ceil_div(plan.tokens(), columns)) {
    const auto beside = std::size_t(-reinterpret_cast<std::uintptr_t>(memory.data()) % 64);
    memory_ = memory.subspan(std::min(beside, memory.size())).data();
    const auto left = std::ptrdiff_t(memory.size() - std::min(beside, memory.size()));
    rows_ = std::min<std::ptrdiff_t>(plan.vocabulary, left / (panels_ * Tile::bytes) * work_rows);
  }

  /// Of the head.
  [[nodiscard]] std::ptrdiff_t rows() const { return rows_; }
  /// @param row    of the head, a multiple of work_rows below rows()
  /// @param panel  of tokens
  [[nodiscard]] Tile tile(std::ptrdiff_t row, std::ptrdiff_t panel) const {
    return {memory_ + (row / work_rows * panels_ + panel) * Tile::bytes};
  }

 private:
  Byte* memory_;
  std::ptrdiff_t panels_, rows_;
};

}  // namespace matrix
}  // namespace VISPLAY_ISA
}  // namespace visplay
