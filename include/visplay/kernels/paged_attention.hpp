// Attention of single tokens over cached keys and values, kept in pages.
//
// A page holds page_tokens consecutive tokens of all layers. A prompt's pages are filled once and
// shared by all completions of its group; a completion appends to pages of its own. Nothing is
// copied when a group forks and nothing is padded when its members end at different lengths.
#pragma once

#include <visplay/core/bfloat16.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace visplay {

struct CacheShape {
  int layers = 0, kv_heads = 0, head_dim = 0;
  bool half = false;  ///< keys and values are kept as bfloat16, else as float
};

class KvPage {
 public:
  static constexpr int tokens = 64;  ///< capacity

  explicit KvPage(const CacheShape& shape);

  /// Writes one token of one layer. @param k, v  [kv_heads, head_dim]; T as the cache is kept
  template <class T>
  void write(int layer, int slot, const T* k, const T* v);
  /// [head_dim, tokens]: a key a column. T as the cache is kept.
  template <class T>
  [[nodiscard]] const T* keys(int layer, int kv_head) const;
  /// [tokens, head_dim padded to whole packs].
  template <class T>
  [[nodiscard]] const T* values(int layer, int kv_head) const;

  int count = 0;  ///< tokens written in every layer

 private:
  CacheShape shape_;
  int value_step_;
  std::vector<std::byte> keys_, values_;  // the memory of the numbers
};

/// The pages that one sequence sees, oldest first. Only the last may be written to, and only if no
/// other sequence holds it.
struct PagedSequence {
  std::vector<std::shared_ptr<KvPage>> pages;

  /// Room for one more token at the end; a new page if the last is full or shared.
  void grow(const CacheShape& shape);
  [[nodiscard]] int tokens() const;
};

/// For sequences [begin, end): out = attention of its query over all its cached tokens, and over
/// the slot that is being written (page.count) in the last page, which grow() has made room for.
/// Sums are in float.
/// @param q    [sequences, heads, head_dim]; T as the cache is kept
/// @param out  [sequences, heads, head_dim]
template <class T>
void paged_attention(std::span<const PagedSequence* const> sequences, const CacheShape& shape,
                     int layer, int heads, float scale, const T* q, T* out, std::int64_t begin,
                     std::int64_t end);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/kernels/paged_attention.ipp>
#endif
