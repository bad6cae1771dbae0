// Decoder: embeddings to hidden states. One definition of a layer; what a query attends to is the
// caller's: packed trees in training, a prompt that fills a cache, one token over the cache.
#pragma once

#include <visplay/model/lora.hpp>
#include <visplay/model/qwen2_5_vl/rotary.hpp>
#include <visplay/tensor/checkpoint.hpp>
#include <visplay/tensor/rowwise.hpp>

#include <cmath>
#include <string>
#include <vector>

namespace visplay {

struct DecoderLayer {
  at::Tensor input_norm, post_norm;  ///< [D]
  Linear q, k, v, o, gate, up, down;
  double eps = 0;
  std::int64_t head_dim = 0;

  /// @param x       [N, D]
  /// @param attend  (q [N, heads, dim], k, v [N, kv_heads, dim]) -> [N, heads, dim]
  template <class Attend>
  [[nodiscard]] at::Tensor operator()(const at::Tensor& x, const RotaryTable& rotary,
                                      const Attend& attend) const {
    const auto n = x.size(0);
    const auto split = [&](const at::Tensor& t) { return t.view({n, -1, head_dim}); };
    const auto normed = rms_norm(x, input_norm, eps);
    const auto seen = attend(rotate(split(q(normed)), rotary.cos, rotary.sin),
                             rotate(split(k(normed)), rotary.cos, rotary.sin), split(v(normed)));
    const auto y = x + o(seen.reshape({n, -1}));
    const auto again = rms_norm(y, post_norm, eps);
    return y + down(silu_gate(gate(again), up(again)));
  }

  [[nodiscard]] std::vector<at::Tensor> tensors() const {
    std::vector<at::Tensor> list{input_norm, post_norm};
    for (const auto* linear : {&q, &k, &v, &o, &gate, &up, &down}) linear->append_to(list);
    return list;
  }
};

class Decoder {
 public:
  Decoder() = default;
  /// Shares the storage of the weights and of the adapter, which may be null.
  Decoder(const TextConfig& config, const Weights& weights, const Lora* adapter) : config_(config) {
    const auto linear = [&](const std::string& path) { return linear_at(weights, adapter, path); };
    for (std::int64_t i = 0; i < config.num_layers; ++i) {
      const auto at = "model.layers." + std::to_string(i) + ".";
      layers_.push_back({weights.at(at + "input_layernorm.weight"),
                         weights.at(at + "post_attention_layernorm.weight"),
                         linear(at + "self_attn.q_proj"), linear(at + "self_attn.k_proj"),
                         linear(at + "self_attn.v_proj"), linear(at + "self_attn.o_proj"),
                         linear(at + "mlp.gate_proj"), linear(at + "mlp.up_proj"),
                         linear(at + "mlp.down_proj"), config.rms_norm_eps, config.head_dim()});
    }
    norm_ = weights.at("model.norm.weight");
  }

  /// @param x          [N, D] embedded tokens
  /// @param rotary     [N, head_dim / 2]
  /// @param attend     (layer, q [N, heads, dim], k, v [N, kv_heads, dim]) -> [N, heads, dim]; q and
  ///                   k are rotated already. Kept until the backward pass if layers are recomputed
  /// @param recompute  keep only each layer's input for the backward pass
  /// @return [N, D] after the final norm
  template <class Attend>
  [[nodiscard]] at::Tensor operator()(at::Tensor x, const RotaryTable& rotary, const Attend& attend,
                                      bool recompute = false) const {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const auto attend_here = [attend, i](const at::Tensor& q, const at::Tensor& k,
                                           const at::Tensor& v) { return attend(i, q, k, v); };
      if (recompute)
        x = checkpoint(x, layers_[i].tensors(),
                       [layer = layers_[i], rotary, attend_here](const at::Tensor& in) {
                         return layer(in, rotary, attend_here);
                       });
      else
        x = layers_[i](x, rotary, attend_here);
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
