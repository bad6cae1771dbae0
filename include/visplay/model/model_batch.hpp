// ModelBatch: a set of trees. A tree is a prompt (its images and tokens, once) and completions as
// branches after it. All trees lie end to end in one packed sequence of N rows, without padding;
// a branch sees the prefix and its own past, and its positions continue after the prefix.
#pragma once

#include <visplay/kernels/attention.hpp>
#include <visplay/model/qwen2_5_vl/image_grid.hpp>
#include <visplay/tensor/compat.hpp>

#include <memory>
#include <vector>

namespace visplay {

/// Where one sample lies in the packed rows: the trunk of its tree, then its branch (the rest of the
/// prompt and the completion but for its last token).
struct SampleRows {
  std::int64_t trunk_begin = 0, trunk_end = 0;
  std::int64_t branch_begin = 0, branch_end = 0;  ///< may be empty
};

struct ModelBatch {
  at::Tensor input_ids;     ///< [N] int64
  at::Tensor position_ids;  ///< [3, N] int64: temporal, height, width
  at::Tensor pixel_values;  ///< [patches, patch_dim] of the distinct images; undefined without any
  std::vector<ImageGrid> grids;                   ///< of the distinct images
  at::Tensor image_features;                      ///< [rows, D] if known already: no pixel_values
  at::Tensor image_rows;                          ///< [M] rows of input_ids that hold an image
  at::Tensor feature_rows;                        ///< [M] the vision tower's output row for each
  std::shared_ptr<const AttentionLayout> layout;  ///< of the N rows
  std::vector<SampleRows> samples;                ///< in the order they were given

  // Completion tokens, all completions end to end: n in number.
  at::Tensor predict_rows;  ///< [n] the row whose hidden state predicts the token
  at::Tensor targets;       ///< [n] the token
  std::vector<std::int64_t> completion_offsets{0};  ///< completion c holds [c], ..., [c + 1] - 1

  [[nodiscard]] std::int64_t completions() const {
    return std::int64_t(completion_offsets.size()) - 1;
  }
  [[nodiscard]] std::int64_t completion_tokens() const { return completion_offsets.back(); }
};

}  // namespace visplay
