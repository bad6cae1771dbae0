// What attention works on: one head of a segment, blocks of its queries and keys, their scores.
#pragma once

#include <visplay/kernels/attention.hpp>
#include <visplay/kernels/block_product.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace visplay {
inline namespace VISPLAY_ISA {
namespace attention_detail {

constexpr int query_block = 32, key_block = 256;  // at most
constexpr int float_queries = 24;                 // of a block whose products are in float

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

  QueryBlock(const Task& task, int begin_in, int most)
      : begin(begin_in), count(std::min(most, task.queries() - begin_in)) {
    for (int r = 0; r < count; ++r) {
      extend(keys[0], task.first(begin + r));
      extend(keys[1], task.second(begin + r));
    }
    if (keys[1].begin < keys[0].begin) std::swap(keys[0], keys[1]);
    if (!keys[0].empty()) keys[1].begin = std::max(keys[1].begin, keys[0].end);
  }
  // body(first key, count, before) for blocks of the keys, which begin at a multiple of `step`; the
  // first `before` keys of a block are not the range's.
  template <class Body>
  void for_keys(int step, const Body& body) const {
    for (const auto& range : keys)
      for (int at = range.begin / step * step; at < range.end; at += key_block)
        body(at, std::min(key_block, range.end - at), std::max(0, range.begin - at));
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
inline void hide(const Task& task, int query, int at, int count, float* scores) {
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
inline float exp_visible(float* x, int n, float scale, float shift) {
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

  explicit QueryRows(int dim)
      : step((dim + 31) / 32 * 32), values(std::size_t(query_block) * std::size_t(step)) {}
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

// The two products of the forward pass in float, of one task.
template <class T>
class FloatProducts {
 public:
  static constexpr int queries = float_queries, key_step = 1;
  explicit FloatProducts(int dim) : dim_(dim), queries_(dim) {}

  void load_keys(const Task& task, const T* k, const T* v) {
    keys_.fill(k + task.first_kv(), task.kv_step(), task.rows, dim_, false, true);
    values_.fill(v + task.first_kv(), task.kv_step(), task.rows, dim_, true, false);
  }
  void load_queries(const Task& task, const QueryBlock& block, const T* q) {
    count_ = block.count;
    queries_.load_from(q, task, block);
  }
  // scores = q . k for keys [first, first + count)
  void multiply_keys(int first, int count, PairBlock& scores) {
    scores.multiply(queries_, count_, keys_, first, count);
  }
  // The weights of query r, exp(scale score - shift), take the place of its scores. Their sum.
  float weigh(int r, int count, float scale, float shift, PairBlock& scores) {
    return exp_visible(scores.row(r), count, scale, shift);
  }
  // sums += weights x values of these keys
  void add_values(int first, int count, const PairBlock& weights, QueryRows& sums) {
    block_product(weights.block(), count_, count, values_.row(first), values_.step, dim_,
                  sums.row(0), sums.step);
  }

 private:
  int dim_, count_ = 0;
  HeadTile keys_, values_;
  QueryRows queries_;
};

}  // namespace attention_detail

}  // namespace VISPLAY_ISA
}  // namespace visplay
