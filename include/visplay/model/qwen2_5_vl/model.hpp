// Qwen2_5_VL: the whole model over its weights. Qwen2.5-VL 3B/7B and MiMo-VL 7B are the same class
// with other numbers.
//
//   const Qwen2_5_VL model(config, weights);
//   const at::Tensor hidden = model.hidden(batch);              // [N, D]
//   const at::Tensor logits = at::linear(hidden, model.head()); // [N, V]
#pragma once

#include <visplay/model/model_batch.hpp>
#include <visplay/model/qwen2_5_vl/decoder.hpp>
#include <visplay/model/qwen2_5_vl/vision.hpp>
#include <visplay/tensor/attention.hpp>

namespace visplay {

class Qwen2_5_VL {
 public:
  Qwen2_5_VL() = default;
  /// Shares the weights' storage: an optimizer that changes them in place changes the model.
  Qwen2_5_VL(const ModelConfig& config, const Weights& weights)
      : config_(config),
        vision_(config.vision, weights),
        decoder_(config.text, weights),
        embedding_(weights.at("model.embed_tokens.weight")),
        head_(weights.find("lm_head.weight")) {
    if (!head_.defined()) head_ = embedding_;
  }

  /// Vision features of a batch's distinct images, [M', D]; undefined without images.
  [[nodiscard]] at::Tensor image_features(const ModelBatch& batch) const {
    return batch.pixel_values.defined() ? vision_(batch.pixel_values, batch.grids) : at::Tensor{};
  }

  /// Token embeddings with image rows replaced by vision features: [N, D].
  [[nodiscard]] at::Tensor embed(const ModelBatch& batch) const {
    const auto x = at::embedding(embedding_, batch.input_ids);
    const auto features = image_features(batch);
    if (!features.defined()) return x;
    return x.index_copy(0, batch.image_rows, features.index_select(0, batch.feature_rows));
  }

  /// Hidden states after the final norm: [N, D].
  [[nodiscard]] at::Tensor hidden(const ModelBatch& batch) const {
    return decoder_(
        embed(batch), text_rotary(batch.position_ids, config_.text),
        [&](std::size_t, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
          return attention(q, k, v, batch.layout, decoder_.scale());
        });
  }

  [[nodiscard]] const ModelConfig& config() const { return config_; }
  [[nodiscard]] const VisionTower& vision() const { return vision_; }
  [[nodiscard]] const Decoder& decoder() const { return decoder_; }
  [[nodiscard]] const at::Tensor& embedding() const { return embedding_; }  ///< [V, D]
  [[nodiscard]] const at::Tensor& head() const { return head_; }            ///< [V, D]

 private:
  ModelConfig config_;
  VisionTower vision_;
  Decoder decoder_;
  at::Tensor embedding_, head_;
};

}  // namespace visplay
