// Bodies of attention.hpp.
#pragma once

#include <visplay/kernels/attention.hpp>
#include <visplay/kernels/lanes.hpp>

#include <cmath>

namespace visplay {
namespace detail {

// What one task copies next to each other: a segment's rows of one head, as rows and as columns.
struct HeadTile {
  int rows = 0, dim = 0, width = 0;  // width: floats between two columns
  std::vector<float> by_row;         // [rows, padded(dim)]
  std::vector<float> by_column;      // [dim, width]

  // Columns are read in four packs at a time, from any offset: leave that much behind the last.
  void resize(int rows_in, int dim_in) {
    rows = rows_in, dim = dim_in, width = padded(rows_in) + 4 * Pack::lanes;
    by_row.assign(std::size_t(rows) * padded(dim), 0.f);
    by_column.assign(std::size_t(dim) * width, 0.f);
  }
  // from: the head's first row; rows lie `step` floats apart.
  void fill(const float* from, std::ptrdiff_t step) {
    for (int r = 0; r < rows; ++r, from += step) {
      std::copy_n(from, dim, by_row.data() + std::size_t(r) * padded(dim));
      for (int d = 0; d < dim; ++d) by_column[std::size_t(d) * width + r] = from[d];
    }
  }
  const float* row(int r) const { return by_row.data() + std::size_t(r) * padded(dim); }
  float* row(int r) { return by_row.data() + std::size_t(r) * padded(dim); }
};

// The two ranges of one row, relative to its segment, laid end to end in a buffer of `count`.
struct TwoRanges {
  int first, first_count, second, second_count;
  TwoRanges(const VisibleRows& see, int start)
      : first(see.first_begin - start),
        first_count(see.first_end - see.first_begin),
        second(see.second_begin - start),
        second_count(see.second_end - see.second_begin) {}
  int count() const { return first_count + second_count; }

  // to[j] = x . tile row j, for the rows in both ranges. The second part is written after the
  // first, whose padding it overwrites.
  void times(const float* x, const HeadTile& tile, float* to) const {
    row_times_columns(x, tile.dim, tile.by_column.data() + first, tile.width, first_count, to);
    if (second_count)
      row_times_columns(x, tile.dim, tile.by_column.data() + second, tile.width, second_count,
                        to + first_count);
  }
  // to += sum_j w[j] tile row j.
  void add_rows(const float* w, const HeadTile& tile, float* to) const {
    const int step = padded(tile.dim);
    add_weighted_rows(w, first_count, tile.row(first), step, tile.dim, to);
    if (second_count)
      add_weighted_rows(w + first_count, second_count, tile.row(second), step, tile.dim, to);
  }
  // tile row j += w[j] x.
  void scatter(const float* w, const float* x, HeadTile& tile) const {
    const int step = padded(tile.dim);
    add_outer(w, first_count, x, tile.dim, tile.row(first), step);
    if (second_count) add_outer(w + first_count, second_count, x, tile.dim, tile.row(second), step);
  }
};

struct Task {
  int start, rows, kv_head, queries_per_kv;
  Task(const AttentionLayout& layout, const AttentionShape& shape, std::int64_t task)
      : start(layout.segments[task / shape.kv_heads]),
        rows(layout.segments[task / shape.kv_heads + 1] - start),
        kv_head(int(task % shape.kv_heads)),
        queries_per_kv(shape.heads / shape.kv_heads) {}
};

}  // namespace detail

VISPLAY_INLINE void AttentionLayout::add_causal(std::int32_t length) {
  const auto start = rows();
  for (std::int32_t i = 0; i < length; ++i) visible.push_back({start, start + i + 1, 0, 0});
  segments.push_back(start + length);
}

VISPLAY_INLINE void AttentionLayout::add_window(std::int32_t length) {
  const auto start = rows();
  visible.insert(visible.end(), std::size_t(length), {start, start + length, 0, 0});
  segments.push_back(start + length);
}

VISPLAY_INLINE void AttentionLayout::add_tree(std::int32_t prefix,
                                              std::span<const std::int32_t> branches) {
  add_causal(prefix);
  const auto start = segments[segments.size() - 2];
  auto at = rows();
  for (const auto length : branches) {
    for (std::int32_t i = 0; i < length; ++i)
      visible.push_back({start, start + prefix, at, at + i + 1});
    at += length;
  }
  segments.back() = at;
}

VISPLAY_INLINE std::int64_t attention_tasks(const AttentionLayout& layout,
                                            const AttentionShape& shape) {
  return layout.segment_count() * shape.kv_heads;
}

VISPLAY_INLINE void attention_forward(const AttentionLayout& layout, const AttentionShape& shape,
                                      const float* q, const float* k, const float* v, float* out,
                                      float* log_sum, std::int64_t begin, std::int64_t end) {
  const int dim = shape.head_dim, heads = shape.heads, kv_step = shape.kv_heads * dim;
  detail::HeadTile keys, values;
  std::vector<float> weights, result(padded(dim));
  for (std::int64_t t = begin; t < end; ++t) {
    const detail::Task task(layout, shape, t);
    const std::ptrdiff_t first = std::ptrdiff_t(task.start) * kv_step + task.kv_head * dim;
    keys.resize(task.rows, dim), keys.fill(k + first, kv_step);
    values.resize(task.rows, dim), values.fill(v + first, kv_step);
    weights.resize(task.rows + 8 * Pack::lanes);
    for (int i = 0; i < task.rows; ++i) {
      const detail::TwoRanges see(layout.visible[task.start + i], task.start);
      for (int g = 0; g < task.queries_per_kv; ++g) {
        const std::ptrdiff_t row =
            std::ptrdiff_t(task.start + i) * heads + task.kv_head * task.queries_per_kv + g;
        see.times(q + row * dim, keys, weights.data());
        const float largest = shape.scale * max_of(weights.data(), see.count());
        const float total = exp_and_sum(weights.data(), see.count(), shape.scale, largest);
        std::fill(result.begin(), result.end(), 0.f);
        see.add_rows(weights.data(), values, result.data());
        for (int d = 0; d < dim; ++d) out[row * dim + d] = result[d] / total;
        log_sum[row] = largest + std::log(total);
      }
    }
  }
}

VISPLAY_INLINE void attention_backward(const AttentionLayout& layout, const AttentionShape& shape,
                                       const float* q, const float* k, const float* v,
                                       const float* out, const float* log_sum,
                                       const float* grad_out, float* grad_q, float* grad_k,
                                       float* grad_v, std::int64_t begin, std::int64_t end) {
  const int dim = shape.head_dim, heads = shape.heads, kv_step = shape.kv_heads * dim;
  detail::HeadTile keys, values, key_gradients, value_gradients;
  std::vector<float> p, ds, dq(padded(dim)), q_row(padded(dim)), g_row(padded(dim));
  for (std::int64_t t = begin; t < end; ++t) {
    const detail::Task task(layout, shape, t);
    const std::ptrdiff_t first = std::ptrdiff_t(task.start) * kv_step + task.kv_head * dim;
    keys.resize(task.rows, dim), keys.fill(k + first, kv_step);
    values.resize(task.rows, dim), values.fill(v + first, kv_step);
    key_gradients.resize(task.rows, dim), value_gradients.resize(task.rows, dim);
    p.resize(task.rows + 8 * Pack::lanes), ds.resize(p.size());
    for (int i = 0; i < task.rows; ++i) {
      const detail::TwoRanges see(layout.visible[task.start + i], task.start);
      for (int g = 0; g < task.queries_per_kv; ++g) {
        const std::ptrdiff_t row =
            std::ptrdiff_t(task.start + i) * heads + task.kv_head * task.queries_per_kv + g;
        std::copy_n(q + row * dim, dim, q_row.begin());
        std::copy_n(grad_out + row * dim, dim, g_row.begin());
        see.times(q_row.data(), keys, p.data());
        exp_and_sum(p.data(), see.count(), shape.scale, log_sum[row]);
        see.times(g_row.data(), values, ds.data());
        // d softmax: ds_j = p_j (g . v_j - g . out)
        const float mean = dot(g_row.data(), out + row * dim, dim);
        for (int j = 0; j < see.count(); ++j) ds[j] = shape.scale * p[j] * (ds[j] - mean);
        std::fill(dq.begin(), dq.end(), 0.f);
        see.add_rows(ds.data(), keys, dq.data());
        std::copy_n(dq.begin(), dim, grad_q + row * dim);
        see.scatter(ds.data(), q_row.data(), key_gradients);
        see.scatter(p.data(), g_row.data(), value_gradients);
      }
    }
    for (int r = 0; r < task.rows; ++r) {
      std::copy_n(key_gradients.row(r), dim, grad_k + first + std::ptrdiff_t(r) * kv_step);
      std::copy_n(value_gradients.row(r), dim, grad_v + first + std::ptrdiff_t(r) * kv_step);
    }
  }
}

}  // namespace visplay
