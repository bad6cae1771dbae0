// Bodies of attention.hpp.
#pragma once

#include <visplay/kernels/attention.hpp>
#include <visplay/kernels/block_product.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace visplay {
namespace detail {

constexpr int query_block = 24, key_block = 256;

// A segment's rows of one head next to each other, as rows and as columns, in float.
struct HeadTile {
  int rows = 0, dim = 0, step = 0, width = 0;  // step: floats of a row, width: of a column's line
  std::vector<float> by_row;                   // [rows, step]
  std::vector<float> by_column;                // [dim, width]

  // from: the head's first row; rows lie `stride` numbers apart.
  template <class T>
  void fill(const T* from, std::ptrdiff_t stride, int rows_in, int dim_in, bool as_rows,
            bool as_columns) {
    rows = rows_in, dim = dim_in, step = padded(dim), width = padded(rows) + Pack::lanes;
    by_row.assign(std::size_t(as_rows ? rows : 1) * step, 0.f);
    by_column.assign(as_columns ? std::size_t(dim) * width : 0, 0.f);
    for (int r = 0; r < rows; ++r, from += stride) {
      float* row = by_row.data() + std::size_t(as_rows ? r : 0) * step;
      copy_row(from, dim, row);
      for (int d = 0; as_columns && d < dim; ++d) by_column[std::size_t(d) * width + r] = row[d];
    }
  }
  void zero(int rows_in, int dim_in) {
    rows = rows_in, dim = dim_in, step = padded(dim);
    by_row.assign(std::size_t(rows) * step, 0.f);
  }
  const float* row(int r) const { return by_row.data() + std::size_t(r) * step; }
  float* row(int r) { return by_row.data() + std::size_t(r) * step; }
  const float* column_from(int r) const { return by_column.data() + r; }
};

struct KeyRange {
  int begin = 0, end = 0;
  bool empty() const { return begin >= end; }
};

// One segment and one key-value head. A "query" is a row of the segment and one of the query heads
// that read this head: number i * queries_per_kv + g.
struct Task {
  int start, rows, kv_head, queries_per_kv, heads, kv_heads, dim;
  const AttentionLayout& layout;

  Task(const AttentionLayout& layout, const AttentionShape& shape, std::int64_t task)
      : start(layout.segments[task / shape.kv_heads]),
        rows(layout.segments[task / shape.kv_heads + 1] - start),
        kv_head(int(task % shape.kv_heads)),
        queries_per_kv(shape.heads / shape.kv_heads),
        heads(shape.heads),
        kv_heads(shape.kv_heads),
        dim(shape.head_dim),
        layout(layout) {}

  int queries() const { return rows * queries_per_kv; }
  // Where a query stands in [rows, heads], and its first number in [rows, heads, dim].
  std::ptrdiff_t place(int query) const {
    return std::ptrdiff_t(start + query / queries_per_kv) * heads + kv_head * queries_per_kv +
           query % queries_per_kv;
  }
  std::ptrdiff_t first_kv() const {
    return std::ptrdiff_t(start) * kv_heads * dim + std::ptrdiff_t(kv_head) * dim;
  }
  std::ptrdiff_t kv_step() const { return std::ptrdiff_t(kv_heads) * dim; }
  // What a query sees, relative to the segment.
  KeyRange first(int query) const {
    const auto& see = layout.visible[start + query / queries_per_kv];
    return {see.first_begin - start, see.first_end - start};
  }
  KeyRange second(int query) const {
    const auto& see = layout.visible[start + query / queries_per_kv];
    return {see.second_begin - start, see.second_end - start};
  }
};

// Queries [begin, begin + count) of a task: their numbers, and the keys that any of them sees.
struct QueryBlock {
  int begin = 0, count = 0;
  KeyRange keys[2];

  QueryBlock(const Task& task, int begin_in)
      : begin(begin_in), count(std::min(query_block, task.queries() - begin_in)) {
    for (int r = 0; r < count; ++r) {
      extend(keys[0], task.first(begin + r));
      extend(keys[1], task.second(begin + r));
    }
    if (keys[1].begin < keys[0].begin) std::swap(keys[0], keys[1]);
    if (!keys[0].empty()) keys[1].begin = std::max(keys[1].begin, keys[0].end);
  }
  // body(first key, count) for blocks of the keys.
  template <class Body>
  void for_keys(const Body& body) const {
    for (const auto& range : keys)
      for (int at = range.begin; at < range.end; at += key_block)
        body(at, std::min(key_block, range.end - at));
  }

 private:
  static void extend(KeyRange& all, const KeyRange& more) {
    if (more.empty()) return;
    all =
        all.empty() ? more : KeyRange{std::min(all.begin, more.begin), std::max(all.end, more.end)};
  }
};

constexpr float hidden_score = -std::numeric_limits<float>::max();

// scores[j] = hidden_score for keys at + j, j < count, that the query does not see.
VISPLAY_INLINE void hide(const Task& task, int query, int at, int count, float* scores) {
  KeyRange a = task.first(query), b = task.second(query);
  if (!b.empty() && b.begin < a.begin) std::swap(a, b);
  const auto inside = [&](int key) { return std::clamp(key - at, 0, count); };
  const int ends[] = {inside(a.begin), inside(a.end), b.empty() ? count : inside(b.begin),
                      b.empty() ? count : inside(b.end)};
  std::fill(scores, scores + ends[0], hidden_score);
  std::fill(scores + ends[1], scores + ends[2], hidden_score);
  std::fill(scores + ends[3], scores + count, hidden_score);
}

// x[j] = exp(scale x[j] - shift), 0 where hidden, for j < n; zeros up to padded(n). Their sum.
VISPLAY_INLINE float exp_visible(float* x, int n, float scale, float shift) {
  std::fill(x + n, x + padded(n), hidden_score);
  Pack total;
  for (int j = 0; j < n; j += Pack::lanes) {
    const Pack at = load(x + j);
    const Pack e = select(at.v == hidden_score, Pack(0.f), exp(Pack(scale) * at - Pack(shift)));
    total = total + e;
    store(x + j, e);
  }
  return sum(total);
}

// Rows of numbers of a block's queries, in float.
struct QueryRows {
  int step = 0;
  std::vector<float> values;  // [query_block, step]

  explicit QueryRows(int dim) : step(padded(dim)), values(std::size_t(query_block) * padded(dim)) {}
  template <class T>
  void load_from(const T* from, const Task& task, const QueryBlock& block) {
    for (int r = 0; r < block.count; ++r)
      copy_row(from + task.place(block.begin + r) * task.dim, task.dim, row(r));
  }
  template <class T>
  void store_to(T* to, const Task& task, const QueryBlock& block) const {
    for (int r = 0; r < block.count; ++r)
      copy_row(row(r), task.dim, to + task.place(block.begin + r) * task.dim);
  }
  void zero() { std::fill(values.begin(), values.end(), 0.f); }
  float* row(int r) { return values.data() + std::size_t(r) * step; }
  const float* row(int r) const { return values.data() + std::size_t(r) * step; }
  StridedBlock block() const { return {values.data(), step, 1}; }
};

// A number for each pair of the block's queries and up to key_block keys.
struct PairBlock {
  static constexpr int step = key_block + Pack::lanes;
  std::vector<float> values = std::vector<float>(std::size_t(query_block) * step);

  float* row(int r) { return values.data() + std::size_t(r) * step; }
  // = rows of the block times columns of the tile: q . k for every pair.
  void multiply(const QueryRows& rows, int count, const HeadTile& tile, int at, int keys) {
    for (int r = 0; r < count; ++r) std::fill_n(row(r), padded(keys), 0.f);
    block_product(rows.block(), count, tile.dim, tile.column_from(at), tile.width, keys, row(0),
                  step);
  }
  StridedBlock block() const { return {values.data(), step, 1}; }
  StridedBlock transposed() const { return {values.data(), 1, step}; }
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

template <class T>
void attention_forward(const AttentionLayout& layout, const AttentionShape& shape, const T* q,
                       const T* k, const T* v, T* out, float* log_sum, std::int64_t begin,
                       std::int64_t end) {
  const int dim = shape.head_dim;
  detail::HeadTile keys, values;
  detail::QueryRows queries(dim), sums(dim);
  detail::PairBlock weights;
  float largest[detail::query_block], total[detail::query_block];
  for (std::int64_t t = begin; t < end; ++t) {
    const detail::Task task(layout, shape, t);
    keys.fill(k + task.first_kv(), task.kv_step(), task.rows, dim, false, true);
    values.fill(v + task.first_kv(), task.kv_step(), task.rows, dim, true, false);
    for (int at = 0; at < task.queries(); at += detail::query_block) {
      const detail::QueryBlock block(task, at);
      queries.load_from(q, task, block);
      sums.zero();
      std::fill_n(largest, block.count, detail::hidden_score), std::fill_n(total, block.count, 0.f);
      block.for_keys([&](int first, int count) {
        weights.multiply(queries, block.count, keys, first, count);
        for (int r = 0; r < block.count; ++r) {
          float* row = weights.row(r);
          detail::hide(task, at + r, first, count, row);
          const float highest = std::max(largest[r], max_of(row, count));
          // Nothing seen so far: all weights are 0, whatever the shift.
          const float shift = highest == detail::hidden_score ? 0 : shape.scale * highest;
          if (largest[r] < highest) {
            const float shrink = total[r] == 0 ? 0 : std::exp(shape.scale * largest[r] - shift);
            for (int d = 0; d < sums.step; ++d) sums.row(r)[d] *= shrink;
            total[r] *= shrink, largest[r] = highest;
          }
          total[r] += detail::exp_visible(row, count, shape.scale, shift);
        }
        block_product(weights.block(), block.count, count, values.row(first), values.step, dim,
                      sums.row(0), sums.step);
      });
      for (int r = 0; r < block.count; ++r) {
        for (int d = 0; d < dim; ++d) sums.row(r)[d] /= total[r];
        log_sum[task.place(at + r)] = shape.scale * largest[r] + std::log(total[r]);
      }
      sums.store_to(out, task, block);
    }
  }
}

template <class T>
void attention_backward(const AttentionLayout& layout, const AttentionShape& shape, const T* q,
                        const T* k, const T* v, const T* out, const float* log_sum,
                        const T* grad_out, T* grad_q, T* grad_k, T* grad_v, std::int64_t begin,
                        std::int64_t end) {
  const int dim = shape.head_dim;
  detail::HeadTile keys, values, key_gradients, value_gradients;
  detail::QueryRows queries(dim), gradients(dim), outputs(dim), query_gradients(dim);
  detail::PairBlock p, ds;
  for (std::int64_t t = begin; t < end; ++t) {
    const detail::Task task(layout, shape, t);
    keys.fill(k + task.first_kv(), task.kv_step(), task.rows, dim, true, true);
    values.fill(v + task.first_kv(), task.kv_step(), task.rows, dim, false, true);
    key_gradients.zero(task.rows, dim), value_gradients.zero(task.rows, dim);
    for (int at = 0; at < task.queries(); at += detail::query_block) {
      const detail::QueryBlock block(task, at);
      queries.load_from(q, task, block), gradients.load_from(grad_out, task, block);
      outputs.load_from(out, task, block), query_gradients.zero();
      block.for_keys([&](int first, int count) {
        p.multiply(queries, block.count, keys, first, count);
        ds.multiply(gradients, block.count, values, first, count);
        for (int r = 0; r < block.count; ++r) {
          detail::hide(task, at + r, first, count, p.row(r));
          detail::exp_visible(p.row(r), count, shape.scale, log_sum[task.place(at + r)]);
          // d softmax: ds_j = p_j (g . v_j - g . out)
          const float mean = dot(gradients.row(r), outputs.row(r), dim);
          for (int j = 0; j < count; ++j)
            ds.row(r)[j] = shape.scale * p.row(r)[j] * (ds.row(r)[j] - mean);
        }
        block_product(ds.block(), block.count, count, keys.row(first), keys.step, dim,
                      query_gradients.row(0), query_gradients.step);
        block_product(ds.transposed(), count, block.count, queries.row(0), queries.step, dim,
                      key_gradients.row(first), key_gradients.step);
        block_product(p.transposed(), count, block.count, gradients.row(0), gradients.step, dim,
                      value_gradients.row(first), value_gradients.step);
      });
      query_gradients.store_to(grad_q, task, block);
    }
    for (int r = 0; r < task.rows; ++r) {
      const auto to = task.first_kv() + std::ptrdiff_t(r) * task.kv_step();
      copy_row(key_gradients.row(r), dim, grad_k + to);
      copy_row(value_gradients.row(r), dim, grad_v + to);
    }
  }
}

#define VISPLAY_ATTENTION_OF(T)                                                                   \
  template void attention_forward<T>(const AttentionLayout&, const AttentionShape&, const T*,     \
                                     const T*, const T*, T*, float*, std::int64_t, std::int64_t); \
  template void attention_backward<T>(const AttentionLayout&, const AttentionShape&, const T*,    \
                                      const T*, const T*, const T*, const float*, const T*, T*,   \
                                      T*, T*, std::int64_t, std::int64_t);
VISPLAY_ATTENTION_OF(float)
VISPLAY_ATTENTION_OF(BFloat16)
#undef VISPLAY_ATTENTION_OF

}  // namespace visplay
