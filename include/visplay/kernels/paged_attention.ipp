// Bodies of paged_attention.hpp.
#pragma once

#include <visplay/kernels/lanes.hpp>
#include <visplay/kernels/paged_attention.hpp>

namespace visplay {
namespace detail {

VISPLAY_INLINE std::size_t bytes_of(const CacheShape& shape, std::size_t numbers) {
  return numbers * (shape.half ? sizeof(BFloat16) : sizeof(float));
}

}  // namespace detail

VISPLAY_INLINE KvPage::KvPage(const CacheShape& shape)
    : shape_(shape),
      value_step_(padded(shape.head_dim)),
      keys_(detail::bytes_of(shape,
                             std::size_t(shape.layers) * shape.kv_heads * shape.head_dim * tokens)),
      values_(detail::bytes_of(
          shape, std::size_t(shape.layers) * shape.kv_heads * tokens * value_step_)) {}

template <class T>
const T* KvPage::keys(int layer, int kv_head) const {
  return reinterpret_cast<const T*>(keys_.data()) +
         std::size_t(layer * shape_.kv_heads + kv_head) * shape_.head_dim * tokens;
}

template <class T>
const T* KvPage::values(int layer, int kv_head) const {
  return reinterpret_cast<const T*>(values_.data()) +
         std::size_t(layer * shape_.kv_heads + kv_head) * tokens * value_step_;
}

template <class T>
void KvPage::write(int layer, int slot, const T* k, const T* v) {
  for (int h = 0; h < shape_.kv_heads; ++h, k += shape_.head_dim, v += shape_.head_dim) {
    T* to = const_cast<T*>(keys<T>(layer, h)) + slot;
    for (int d = 0; d < shape_.head_dim; ++d) to[d * tokens] = k[d];
    std::copy_n(v, shape_.head_dim,
                const_cast<T*>(values<T>(layer, h)) + std::size_t(slot) * value_step_);
  }
}

VISPLAY_INLINE void PagedSequence::grow(const CacheShape& shape) {
  if (pages.empty() || pages.back().use_count() > 1 || pages.back()->count == KvPage::tokens)
    pages.push_back(std::make_shared<KvPage>(shape));
}

VISPLAY_INLINE int PagedSequence::tokens() const {
  int total = 0;
  for (const auto& page : pages) total += page->count;
  return total;
}

template <class T>
void paged_attention(std::span<const PagedSequence* const> sequences, const CacheShape& shape,
                     int layer, int heads, float scale, const T* q, T* out, std::int64_t begin,
                     std::int64_t end) {
  const int dim = shape.head_dim, step = padded(dim), queries_per_kv = heads / shape.kv_heads;
  std::vector<float> weights, query(step), result(step);
  for (auto s = begin; s < end; ++s) {
    const auto& pages = sequences[s]->pages;
    const auto count_of = [&](const std::shared_ptr<KvPage>& page) {
      return page->count + (page == pages.back() ? 1 : 0);
    };
    weights.resize((pages.size() + 1) * KvPage::tokens);
    for (int h = 0; h < heads; ++h) {
      const int kv_head = h / queries_per_kv;
      const std::ptrdiff_t row = (s * heads + h) * dim;
      copy_row(q + row, dim, query.data());
      int n = 0;
      for (const auto& page : pages) {
        row_times_columns(query.data(), dim, page->template keys<T>(layer, kv_head), KvPage::tokens,
                          count_of(page), weights.data() + n);
        n += count_of(page);
      }
      const float largest = scale * max_of(weights.data(), n);
      const float total = exp_and_sum(weights.data(), n, scale, largest);
      std::fill(result.begin(), result.end(), 0.f);
      n = 0;
      for (const auto& page : pages) {
        add_weighted_rows(weights.data() + n, count_of(page),
                          page->template values<T>(layer, kv_head), step, dim, result.data());
        n += count_of(page);
      }
      for (int d = 0; d < dim; ++d) out[row + d] = T(result[d] / total);
    }
  }
}

#define VISPLAY_PAGED_ATTENTION_OF(T)                                                             \
  template const T* KvPage::keys<T>(int, int) const;                                              \
  template const T* KvPage::values<T>(int, int) const;                                            \
  template void KvPage::write<T>(int, int, const T*, const T*);                                   \
  template void paged_attention<T>(std::span<const PagedSequence* const>, const CacheShape&, int, \
                                   int, float, const T*, T*, std::int64_t, std::int64_t);
VISPLAY_PAGED_ATTENTION_OF(float)
VISPLAY_PAGED_ATTENTION_OF(BFloat16)
#undef VISPLAY_PAGED_ATTENTION_OF

}  // namespace visplay
