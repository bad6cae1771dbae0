// VisionTower: patches to tokens of the text model. Windowed attention in most blocks, full
// attention (per frame) in the listed ones, 2 x 2 patches merged at the end.
#pragma once

#include <visplay/model/linear.hpp>
#include <visplay/model/qwen2_5_vl/image_grid.hpp>
#include <visplay/model/qwen2_5_vl/weights.hpp>

#include <span>
#include <vector>

namespace visplay {

struct VisionBlock {
  at::Tensor norm1, norm2;  ///< [E]
  Linear qkv, proj, gate, up, down;
  bool full_attention = false;
};

class VisionTower {
 public:
  VisionTower() = default;
  /// Shares the weights' storage.
  VisionTower(const VisionConfig& config, const Weights& weights);

  /// @param pixel_values  [patches, patch_dim] of all images in merge order
  /// @param grids         one per image
  /// @return [patches / 4, D], images in order
  [[nodiscard]] at::Tensor operator()(const at::Tensor& pixel_values,
                                      std::span<const ImageGrid> grids) const;

 private:
  VisionConfig config_;
  at::Tensor patch_embed_;  ///< [E, C, 2, 14, 14]
  std::vector<VisionBlock> blocks_;
  at::Tensor merger_norm_;  ///< [E]
  Linear merger_in_, merger_out_;
};

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/model/qwen2_5_vl/vision.ipp>
#endif
