// M-RoPE positions: every token has a temporal, a vertical and a horizontal position.
//
// Text advances all three together. An image of h x w cells starts at the cursor c: cell (y, x) is
// at (c, c + y, c + x), and the text after it goes on at c + max(h, w). So positions grow slower
// than token counts, by `delta` at the end of the prompt. (get_rope_index of transformers.)
#pragma once

#include <visplay/model/qwen2_5_vl/config.hpp>
#include <visplay/model/qwen2_5_vl/image_grid.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace visplay {

struct MropePositions {
  std::int64_t length = 0;        ///< L, tokens
  std::int64_t delta = 0;         ///< token n after the prompt is at n + delta on all axes
  std::vector<std::int64_t> ids;  ///< [3, L]: temporal, height, width

  [[nodiscard]] std::span<const std::int64_t> axis(int which) const {
    return std::span(ids).subspan(std::size_t(which) * length, length);
  }
};

/// @param ids    [L] unpadded tokens, image placeholders expanded
/// @param grids  one per image, in order
/// @throws Error if the runs of image tokens do not match the grids, or a video token occurs
[[nodiscard]] MropePositions mrope_positions(std::span<const std::int64_t> ids,
                                             std::span<const ImageGrid> grids,
                                             const ModelConfig& config);

/// Repeats the i-th image token so often as the i-th image has cells.
/// @throws Error unless there are as many image tokens as grids
[[nodiscard]] std::vector<std::int64_t> expand_image_tokens(std::span<const std::int64_t> ids,
                                                            std::span<const ImageGrid> grids,
                                                            const ModelConfig& config);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/model/qwen2_5_vl/positions.ipp>
#endif
