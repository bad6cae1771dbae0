// VisionLayout: in which order the vision tower sees its patches, and which see each other.
//
// Patches are listed in merge order: blocks of 2 x 2 patches in raster order, inside a block top
// left, top right, bottom left, bottom right. The tower permutes blocks so that windows of 4 x 4
// blocks are contiguous; a window never spans two frames or two images. (get_window_index and
// rot_pos_emb of transformers' Qwen2_5_VisionTransformer.)
#pragma once

#include <visplay/model/qwen2_5_vl/config.hpp>
#include <visplay/model/qwen2_5_vl/image_grid.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace visplay {

struct VisionLayout {
  std::vector<std::int64_t> window_index;   ///< [blocks] block at each place of the window order
  std::vector<std::int64_t> reverse_index;  ///< [blocks] its inverse, applied after the merger
  std::vector<std::int64_t> cu_window;      ///< segment bounds in patches, from 0, no repeats
  std::vector<std::int64_t> cu_full;        ///< one segment per frame, in patches, from 0
  std::vector<std::int64_t> rows;           ///< [patches] y of each patch, in merge order
  std::vector<std::int64_t> cols;           ///< [patches] x of each patch, in merge order
};

/// @throws Error if a side of a grid is below 1 or no multiple of the merge size
[[nodiscard]] VisionLayout vision_layout(std::span<const ImageGrid> grids,
                                         const VisionConfig& config);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/model/qwen2_5_vl/windows.ipp>
#endif
