// Bodies of attention.hpp.
#pragma once

#include <visplay/core/simd_level.hpp>
#include <visplay/kernels/attention.hpp>
#include <visplay/kernels/attention_blocks.hpp>
#include <visplay/kernels/attention_tiles.hpp>

#include <algorithm>
#include <cmath>
#include <type_traits>

namespace visplay {

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

inline namespace VISPLAY_ISA {
namespace attention_detail {

template <class Products, class T>
void attention_forward_by(const AttentionLayout& layout, const AttentionShape& shape, const T* q,
                          const T* k, const T* v, T* out, float* log_sum, std::int64_t begin,
                          std::int64_t end) {
  const int dim = shape.head_dim;
  Products products(dim);
  QueryRows sums(dim);
  PairBlock weights;
  float largest[query_block], total[query_block];
  for (std::int64_t t = begin; t < end; ++t) {
    const Task task(layout, shape, t);
    products.load_keys(task, k, v);
    for (int at = 0; at < task.queries(); at += Products::queries) {
      const QueryBlock block(task, at, Products::queries);
      products.load_queries(task, block, q);
      sums.zero();
      std::fill_n(largest, block.count, hidden_score), std::fill_n(total, block.count, 0.f);
      block.for_keys(Products::key_step, [&](int first, int count, int before) {
        products.multiply_keys(first, count, weights);
        for (int r = 0; r < block.count; ++r) {
          float* row = weights.row(r);
          hide(task, at + r, first, count, row);
          std::fill_n(row, before, hidden_score);
          const float highest = std::max(largest[r], max_of(row, count));
          // Nothing seen so far: all weights are 0, whatever the shift.
          const float shift = highest == hidden_score ? 0 : shape.scale * highest;
          if (largest[r] < highest) {
            const float shrink = total[r] == 0 ? 0 : std::exp(shape.scale * largest[r] - shift);
            for (int d = 0; d < sums.step; ++d) sums.row(r)[d] *= shrink;
            total[r] *= shrink, largest[r] = highest;
          }
          total[r] += products.weigh(r, count, shape.scale, shift, weights);
        }
        products.add_values(first, count, weights, sums);
      });
      for (int r = 0; r < block.count; ++r) {
        for (int d = 0; d < dim; ++d) sums.row(r)[d] /= total[r];
        log_sum[task.place(at + r)] = shape.scale * largest[r] + std::log(total[r]);
      }
      sums.store_to(out, task, block);
    }
  }
}

}  // namespace attention_detail
}  // namespace VISPLAY_ISA

template <class T>
void attention_forward(const AttentionLayout& layout, const AttentionShape& shape, const T* q,
                       const T* k, const T* v, T* out, float* log_sum, std::int64_t begin,
                       std::int64_t end) {
#if defined(__AMX_BF16__)
  if constexpr (std::is_same_v<T, BFloat16>)
    if (simd_level() == SimdLevel::amx)
      return attention_detail::attention_forward_by<attention_detail::TileProducts>(
          layout, shape, q, k, v, out, log_sum, begin, end);
#endif
  attention_detail::attention_forward_by<attention_detail::FloatProducts<T>>(
      layout, shape, q, k, v, out, log_sum, begin, end);
}

template <class T>
void attention_backward(const AttentionLayout& layout, const AttentionShape& shape, const T* q,
                        const T* k, const T* v, const T* out, const float* log_sum,
                        const T* grad_out, T* grad_q, T* grad_k, T* grad_v, std::int64_t begin,
                        std::int64_t end) {
  const int dim = shape.head_dim;
  attention_detail::HeadTile keys, values, key_gradients, value_gradients;
  attention_detail::QueryRows queries(dim), gradients(dim), outputs(dim), query_gradients(dim);
  attention_detail::PairBlock p, ds;
  for (std::int64_t t = begin; t < end; ++t) {
    const attention_detail::Task task(layout, shape, t);
    keys.fill(k + task.first_kv(), task.kv_step(), task.rows, dim, true, true);
    values.fill(v + task.first_kv(), task.kv_step(), task.rows, dim, false, true);
    key_gradients.zero(task.rows, dim), value_gradients.zero(task.rows, dim);
    for (int at = 0; at < task.queries(); at += attention_detail::float_queries) {
      const attention_detail::QueryBlock block(task, at, attention_detail::float_queries);
      queries.load_from(q, task, block), gradients.load_from(grad_out, task, block);
      outputs.load_from(out, task, block), query_gradients.zero();
      block.for_keys(1, [&](int first, int count, int) {
        p.multiply(queries, block.count, keys, first, count);
        ds.multiply(gradients, block.count, values, first, count);
        for (int r = 0; r < block.count; ++r) {
          attention_detail::hide(task, at + r, first, count, p.row(r));
          attention_detail::exp_visible(p.row(r), count, shape.scale, log_sum[task.place(at + r)]);
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
