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
  /// Shares the storage of the weights and of the adapter: an optimizer that changes them in place
  /// changes the model. Making one costs microseconds.
  /// @param adapter    of its linear layers; null: the base as it is
  /// @param recompute  keep only the input of each decoder layer and vision block for the backward
  ///                   pass, which runs them again: less memory, a third more work, the same bits
  Qwen2_5_VL(const ModelConfig& config, const Weights& weights, const Lora* adapter = nullptr,
             bool recompute = false)
      : config_(config),
        vision_(config.vision, weights, adapter),
        decoder_(config.text, weights, adapter),
        embedding_(weights.at("model.embed_tokens.weight")),
        head_(weights.find("lm_head.weight")),
        recompute_(recompute) {
    if (!head_.defined()) head_ = embedding_;
  }

  /// Vision features of a batch's distinct images, [M', D]; undefined without images.
  [[nodiscard]] at::Tensor image_features(const ModelBatch& batch) const {
    if (batch.image_features.defined() || !batch.pixel_values.defined())
      return batch.image_features;
    return vision_(batch.pixel_values, batch.grids, recompute_);
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
    const auto attend = [layout = batch.layout, scale = decoder_.scale()](
                            std::size_t, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v) { return attention(q, k, v, layout, scale); };
    return decoder_(embed(batch), text_rotary(batch.position_ids, config_.text), attend,
                    recompute_);
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
  bool recompute_ = false;
};

}  // namespace visplay
