// What the public functions of linear_log_probs.hpp hand to the code of an instruction-set level:
// checked inputs, how the work is cut, and working memory. No type in here depends on the level.
//
// Cuts depend on shapes alone, never on the number of threads: that is what makes results equal to
// the bit for any number.
#pragma once

#include <visplay/core/parallel.hpp>
#include <visplay/core/simd_level.hpp>
#include <visplay/kernels/linear_log_probs.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace visplay::linear_log_probs_detail {

struct Plan {
  FloatMatrix hidden, head;
  const std::int32_t* targets = nullptr;  ///< [N rounded up to 32], -1 where ignored or beyond N
  std::int64_t vocabulary = 0;
  float factor = 1;  ///< c of log_probs_formula.hpp
  ThreadPool* pool = nullptr;
  std::size_t top_k = 0;

  [[nodiscard]] std::int64_t tokens() const { return hidden.rows; }
  [[nodiscard]] std::int64_t depth() const { return hidden.columns; }
};

/// Where the forward pass leaves its results, one number a token.
struct ForwardResult {
  float *log_probs, *entropy, *sum_squares, *log_sum_exp;  ///< [N] each, none is null
  float* top_log_probs;                                    ///< [N, top_k]
  std::int32_t* top_ids;                                   ///< [N, top_k]
  std::span<std::byte> kept;                               ///< for logits
};

struct BackwardInput {
  const float *a, *b, *reference;  ///< [N rounded up to 32] each: RowSlope of log_probs_formula.hpp
  const float* by_log_prob;        ///< [N rounded up to 32], already divided by T
  MutableFloatMatrix hidden, head;  ///< no data: not wanted
  std::span<const std::byte> kept;  ///< as the forward pass left it
};

/// The passes at one level for inputs of one type. The memory is as many bytes as `*_bytes` said.
struct Passes {
  std::size_t (*forward_bytes)(const Plan&) = nullptr;
  void (*forward)(const Plan&, const ForwardResult&, std::byte* memory) = nullptr;
  std::size_t (*backward_bytes)(const Plan&) = nullptr;
  void (*backward)(const Plan&, const BackwardInput&, std::byte* memory) = nullptr;
};

/// Compiled for one level, in a unit of its own (linear_log_probs_unit.ipp).
template <SimdLevel level>
Passes passes_at(FloatType type);

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Tokens whose panels are packed at a time: equal blocks of at most 1,024, fewer if the hidden state
/// is so long that they would take more than 4 MiB. The head is read once per block.
inline std::int64_t tokens_per_block(std::int64_t tokens, std::int64_t depth, int unit_bytes) {
  const std::int64_t most = std::clamp<std::int64_t>(
      (std::int64_t(1) << 22) / std::max<std::int64_t>(depth * unit_bytes, 1) / 32 * 32, 32, 1024);
  const std::int64_t blocks = ceil_div(tokens, most);
  return ceil_div(ceil_div(tokens, std::max<std::int64_t>(blocks, 1)), 32) * 32;
}

/// Rows of the head whose panels, at most 1 MiB, stay in a second-level cache while tokens stream past.
inline std::int64_t rows_per_chunk(std::int64_t depth, int unit_bytes) {
  return std::clamp<std::int64_t>(
      (std::int64_t(1) << 20) / std::max<std::int64_t>(depth * unit_bytes, 1) / 32 * 32, 32, 1024);
}

/// Rows of the head in one task of the forward pass.
inline std::int64_t rows_per_slice(std::int64_t vocabulary) {
  return std::max<std::int64_t>(256, ceil_div(ceil_div(vocabulary, 64), 32) * 32);
}

}  // namespace visplay::linear_log_probs_detail
