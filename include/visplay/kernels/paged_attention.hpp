// Attention of single tokens over cached keys and values, kept in pages.
//
// A page holds page_tokens consecutive tokens of all layers. A prompt's pages are filled once and
// shared by all completions of its group; a completion appends to pages of its own. Nothing is
// copied when a group forks and nothing is padded when its members end at different lengths.
#pragma once

#include <visplay/core/macros.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace visplay {

struct CacheShape {
  int layers = 0, kv_heads = 0, head_dim = 0;
};

class KvPage {
 public:
  static constexpr int tokens = 64;  ///< capacity

  explicit KvPage(const CacheShape& shape);

  /// Writes one token of one layer. @param k, v  [kv_heads, head_dim]
  void write(int layer, int slot, const float* k, const float* v);
  /// [head_dim, tokens]: a key a column.
  [[nodiscard]] const float* keys(int layer, int kv_head) const;
  /// [tokens, head_dim padded to whole packs].
  [[nodiscard]] const float* values(int layer, int kv_head) const;

  int count = 0;  ///< tokens written in every layer

 private:
  CacheShape shape_;
  int value_step_;
  std::vector<float> keys_, values_;
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
/// the slot that is being written (page.count) in the last page.
/// @param q    [sequences, heads, head_dim]
/// @param out  [sequences, heads, head_dim]
void paged_attention(std::span<const PagedSequence* const> sequences, const CacheShape& shape,
                     int layer, int heads, float scale, const float* q, float* out,
                     std::int64_t begin, std::int64_t end);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/kernels/paged_attention.ipp>
#endif
