// Weights: every tensor of a model under its canonical name, in model order.
//
//   Weights weights = load_weights(folder, config);
//   const at::Tensor norm = weights.at("model.norm.weight");   // shares storage
#pragma once

#include <visplay/core/rng.hpp>
#include <visplay/model/qwen2_5_vl/config.hpp>
#include <visplay/tensor/compat.hpp>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace visplay {

struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};

class Weights {
 public:
  Weights() = default;
  explicit Weights(std::vector<NamedTensor> tensors);

  /// In model order; a tied head is not listed twice.
  [[nodiscard]] const std::vector<NamedTensor>& all() const { return tensors_; }
  /// @throws Error if there is no such tensor
  [[nodiscard]] const at::Tensor& at(std::string_view name) const;
  /// An undefined tensor if there is none: for biases that a layer may lack.
  [[nodiscard]] at::Tensor find(std::string_view name) const;

  /// A copy with storage of its own, on the same device, without gradients.
  [[nodiscard]] Weights clone() const;
  /// Copies values from weights of the same names and shapes.
  void assign(const Weights& from);
  /// Turns recording of gradients on or off for every tensor.
  void require_gradients(bool on);

 private:
  std::vector<NamedTensor> tensors_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

/// The weights of a model folder in float32.
/// @param warnings  receives what is odd but not wrong; may be null
/// @throws Error listing missing, misshapen or colliding tensors
[[nodiscard]] Weights load_weights(const std::filesystem::path& folder, const ModelConfig& config,
                                   std::vector<std::string>* warnings = nullptr);

/// model.safetensors with hub names, float32. Written aside and renamed.
void save_weights(const Weights& weights, const std::filesystem::path& file, bool sync = false);

/// Random weights for a new model: matrices N(0, 1 / fan-in), embedding and head N(0, 0.02),
/// residual outputs scaled by 1 / sqrt(2 layers), norms 1, biases 0.
[[nodiscard]] Weights random_weights(const ModelConfig& config, Rng rng);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/model/qwen2_5_vl/weights.ipp>
#endif
