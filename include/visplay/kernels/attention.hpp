// Attention over packed sequences in which every row sees at most two ranges of rows.
//
// Two ranges are enough for everything a vision-language policy needs, without a mask and without
// padding:
//   a causal sequence         row i sees [start, i]
//   a tree (shared prefix)    a branch's row i sees the prefix [start, start + P) and [branch, i]
//   a window of the tower     every row sees [start, end)
//
//   out_i = sum_j p_ij v_j,  p_ij = softmax_j(scale q_i . k_j),  j over the rows that i sees.
//
// Blocks of queries meet blocks of keys with a running maximum (Milakov and Gimelshein 2018,
// 1805.02867; Dao et al. 2022, 2205.14135): memory beyond inputs and outputs grows with the rows of
// a segment, never with their square.
//
// Rows are grouped in segments; a row sees only rows of its own segment. One task is one segment
// and one key-value head; tasks are independent, so results do not depend on how they are spread
// over threads. Grouped-query attention: query head h reads key-value head h / (heads / kv_heads).
#pragma once

#include <visplay/core/bfloat16.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace visplay {

/// The rows that one row sees: [first_begin, first_end) and [second_begin, second_end), absolute
/// row numbers of the packed batch, disjoint, inside the row's segment; the first is not empty.
struct VisibleRows {
  std::int32_t first_begin = 0, first_end = 0;
  std::int32_t second_begin = 0, second_end = 0;

  [[nodiscard]] int count() const { return first_end - first_begin + second_end - second_begin; }
};

struct AttentionLayout {
  std::vector<std::int32_t> segments{0};  ///< offsets: segment s holds rows [s], ..., [s + 1] - 1
  std::vector<VisibleRows> visible;       ///< one per row

  [[nodiscard]] std::int32_t rows() const { return segments.back(); }
  [[nodiscard]] std::int64_t segment_count() const { return std::int64_t(segments.size()) - 1; }
  /// Appends a sequence in which every row sees itself and what is before it.
  void add_causal(std::int32_t length);
  /// Appends a segment in which every row sees every row.
  void add_window(std::int32_t length);
  /// Appends a prefix and branches after it; a branch sees the prefix and its own past.
  void add_tree(std::int32_t prefix, std::span<const std::int32_t> branches);
};

struct AttentionShape {
  int heads = 0;     ///< query heads
  int kv_heads = 0;  ///< divides heads
  int head_dim = 0;
  float scale = 0;
};

/// Number of independent tasks of a layout.
[[nodiscard]] std::int64_t attention_tasks(const AttentionLayout& layout,
                                           const AttentionShape& shape);

/// Runs tasks [begin, end). All arrays are row-major; T is float or bfloat16, sums are in float.
/// @param q        [rows, heads, head_dim]
/// @param k, v     [rows, kv_heads, head_dim]
/// @param out      [rows, heads, head_dim]
/// @param log_sum  [rows, heads]: log sum_j exp(scale q_i . k_j), kept for the backward pass
template <class T>
void attention_forward(const AttentionLayout& layout, const AttentionShape& shape, const T* q,
                       const T* k, const T* v, T* out, float* log_sum, std::int64_t begin,
                       std::int64_t end);

/// Gradients of tasks [begin, end), from the forward pass's inputs and results. Writes (does not
/// add to) grad_q, grad_k and grad_v, of the shapes of q, k and v.
template <class T>
void attention_backward(const AttentionLayout& layout, const AttentionShape& shape, const T* q,
                        const T* k, const T* v, const T* out, const float* log_sum,
                        const T* grad_out, T* grad_q, T* grad_k, T* grad_v, std::int64_t begin,
                        std::int64_t end);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/kernels/attention.ipp>
#endif
