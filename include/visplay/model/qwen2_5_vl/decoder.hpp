// Decoder: embeddings to hidden states. One definition of a layer; what a query attends to is the
// caller's: packed trees in training, a prompt that fills a cache, one token over the cache.
#pragma once

#include <visplay/model/linear.hpp>
#include <visplay/model/qwen2_5_vl/rotary.hpp>
#include <visplay/model/qwen2_5_vl/weights.hpp>
#include <visplay/tensor/rowwise.hpp>

#include <cmath>
#include <vector>

namespace visplay {

struct DecoderLayer {
  at::Tensor input_norm, post_norm;  ///< [D]
  Linear q, k, v, o, gate, up, down;
};

class Decoder {
 public:
  Decoder() = default;
  /// Shares the weights' storage.
  Decoder(const TextConfig& config, const Weights& weights) : config_(config) {
    const auto linear = [&](const std::string& path) {
      return Linear{weights.at(path + ".weight"), weights.find(path + ".bias")};
    };
    for (std::int64_t i = 0; i < config.num_layers; ++i) {
      const auto at = fmt::format("model.layers.{}.", i);
      layers_.push_back({weights.at(at + "input_layernorm.weight"),
                         weights.at(at + "post_attention_layernorm.weight"),
                         linear(at + "self_attn.q_proj"), linear(at + "self_attn.k_proj"),
                         linear(at + "self_attn.v_proj"), linear(at + "self_attn.o_proj"),
                         linear(at + "mlp.gate_proj"), linear(at + "mlp.up_proj"),
                         linear(at + "mlp.down_proj")});
    }
    norm_ = weights.at("model.norm.weight");
  }

  /// @param x       [N, D] embedded tokens
  /// @param rotary  [N, head_dim / 2]
  /// @param attend  (layer, q [N, heads, dim], k, v [N, kv_heads, dim]) -> [N, heads, dim]; q and
  ///                k are rotated already
  /// @return [N, D] after the final norm
  template <class Attend>
  [[nodiscard]] at::Tensor operator()(at::Tensor x, const RotaryTable& rotary,
                                      const Attend& attend) const {
    const auto n = x.size(0), dim = config_.head_dim();
    const auto split = [&](const at::Tensor& t) { return t.view({n, -1, dim}); };
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const auto& layer = layers_[i];
      const auto normed = rms_norm(x, layer.input_norm, config_.rms_norm_eps);
      const auto q = rotate(split(layer.q(normed)), rotary.cos, rotary.sin);
      const auto k = rotate(split(layer.k(normed)), rotary.cos, rotary.sin);
      x = x + layer.o(attend(i, q, k, split(layer.v(normed))).reshape({n, -1}));
      const auto again = rms_norm(x, layer.post_norm, config_.rms_norm_eps);
      x = x + layer.down(silu_gate(layer.gate(again), layer.up(again)));
    }
    return rms_norm(x, norm_, config_.rms_norm_eps);
  }

  [[nodiscard]] double scale() const { return 1 / std::sqrt(double(config_.head_dim())); }

 private:
  TextConfig config_;
  std::vector<DecoderLayer> layers_;
  at::Tensor norm_;
};

}  // namespace visplay
