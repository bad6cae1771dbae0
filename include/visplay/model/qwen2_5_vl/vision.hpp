// VisionTower: patches to tokens of the text model. Windowed attention in most blocks, full
// attention (per frame) in the listed ones, 2 x 2 patches merged at the end.
#pragma once

#include <visplay/model/lora.hpp>
#include <visplay/model/qwen2_5_vl/image_grid.hpp>

#include <span>
#include <vector>

namespace visplay {

struct VisionBlock {
  at::Tensor norm1, norm2;  ///< [E]
  Linear qkv, proj, gate, up, down;
  bool full_attention = false;

  [[nodiscard]] std::vector<at::Tensor> tensors() const;
};

class VisionTower {
 public:
  VisionTower() = default;
  /// Shares the storage of the weights and of the adapter, which may be null.
  VisionTower(const VisionConfig& config, const Weights& weights, const Lora* adapter);

  /// @param pixel_values  [patches, patch_dim] of all images in merge order
  /// @param grids         one per image
  /// @param recompute     keep only each block's input for the backward pass
  /// @return [patches / 4, D], images in order
  [[nodiscard]] at::Tensor operator()(const at::Tensor& pixel_values,
                                      std::span<const ImageGrid> grids,
                                      bool recompute = false) const;

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
