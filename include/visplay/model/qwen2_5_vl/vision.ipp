// Bodies of vision.hpp.
#pragma once

#include <visplay/model/qwen2_5_vl/rotary.hpp>
#include <visplay/model/qwen2_5_vl/vision.hpp>
#include <visplay/model/qwen2_5_vl/windows.hpp>
#include <visplay/tensor/attention.hpp>
#include <visplay/tensor/checkpoint.hpp>
#include <visplay/tensor/rowwise.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace visplay {
namespace detail {

VISPLAY_INLINE std::shared_ptr<const AttentionLayout> windows_of(
    std::span<const std::int64_t> bounds) {
  auto layout = std::make_shared<AttentionLayout>();
  for (std::size_t i = 1; i < bounds.size(); ++i)
    layout->add_window(std::int32_t(bounds[i] - bounds[i - 1]));
  return layout;
}

// Rows of `table`, reordered in units of `unit` consecutive rows.
VISPLAY_INLINE at::Tensor reorder(const at::Tensor& table, const at::Tensor& order,
                                  std::int64_t unit) {
  return table.reshape({table.size(0) / unit, unit * table.size(1)})
      .index_select(0, order)
      .reshape({table.size(0), table.size(1)});
}

}  // namespace detail

VISPLAY_INLINE VisionTower::VisionTower(const VisionConfig& config, const Weights& weights,
                                        const Lora* adapter)
    : config_(config), patch_embed_(weights.at("visual.patch_embed.proj.weight")) {
  const auto linear = [&](const std::string& path) { return linear_at(weights, adapter, path); };
  for (std::int64_t i = 0; i < config.depth; ++i) {
    const auto at = fmt::format("visual.blocks.{}.", i);
    blocks_.push_back(
        {weights.at(at + "norm1.weight"), weights.at(at + "norm2.weight"), linear(at + "attn.qkv"),
         linear(at + "attn.proj"), linear(at + "mlp.gate_proj"), linear(at + "mlp.up_proj"),
         linear(at + "mlp.down_proj"), std::ranges::count(config.fullatt_block_indexes, i) > 0});
  }
  merger_norm_ = weights.at("visual.merger.ln_q.weight");
  merger_in_ = linear("visual.merger.mlp.0");
  merger_out_ = linear("visual.merger.mlp.2");
}

VISPLAY_INLINE std::vector<at::Tensor> VisionBlock::tensors() const {
  std::vector<at::Tensor> list{norm1, norm2};
  for (const auto* linear : {&qkv, &proj, &gate, &up, &down}) linear->append_to(list);
  return list;
}

VISPLAY_INLINE at::Tensor VisionTower::operator()(const at::Tensor& pixel_values,
                                                  std::span<const ImageGrid> grids,
                                                  bool recompute) const {
  const auto places = vision_layout(grids, config_);
  const auto windows = detail::windows_of(places.cu_window),
             frames = detail::windows_of(places.cu_full);
  const auto to_windows = to_tensor(places.window_index),
             from_windows = to_tensor(places.reverse_index);
  const auto unit = config_.merge_unit(), heads = config_.num_heads, dim = config_.head_dim();

  auto angles = vision_rotary(places.rows, places.cols, config_);
  angles = {detail::reorder(angles.cos, to_windows, unit),
            detail::reorder(angles.sin, to_windows, unit)};
  const auto patches =
      visplay::linear(pixel_values.to(patch_embed_.scalar_type()), patch_embed_.flatten(1));
  auto x = detail::reorder(patches, to_windows, unit);
  const auto n = x.size(0);
  for (const auto& block : blocks_) {
    const auto& layout = block.full_attention ? frames : windows;
    const auto run = [block, layout, angles, n, heads, dim](const at::Tensor& in) {
      const auto qkv =
          block.qkv(rms_norm(in, block.norm1, VisionConfig::rms_norm_eps)).view({n, 3, heads, dim});
      const auto parts = qkv.unbind(1);
      const auto out = attention(rotate(parts[0], angles.cos, angles.sin),
                                 rotate(parts[1], angles.cos, angles.sin), parts[2], layout,
                                 1 / std::sqrt(double(dim)));
      const auto y = in + block.proj(out.view({n, heads * dim}));
      const auto normed = rms_norm(y, block.norm2, VisionConfig::rms_norm_eps);
      return y + block.down(silu_gate(block.gate(normed), block.up(normed)));
    };
    x = recompute ? checkpoint(x, block.tensors(), run) : run(x);
  }
  const auto merged =
      rms_norm(x, merger_norm_, VisionConfig::rms_norm_eps).view({n / unit, unit * x.size(1)});
  return merger_out_(at::gelu(merger_in_(merged))).index_select(0, from_windows);
}

}  // namespace visplay
