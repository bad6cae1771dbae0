// Weights: every tensor of a model under its canonical name, in model order.
//
//   Weights weights = load_weights(folder, config, at::kBFloat16);
//   const at::Tensor norm = weights.at("model.norm.weight");   // shares storage
#pragma once

#include <visplay/core/rng.hpp>
#include <visplay/model/qwen2_5_vl/config.hpp>
#include <visplay/tensor/compat.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
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

/// The weights of a model folder.
/// Tensors of the asked type view the mapped files, without a copy: pages come in as they are used,
/// and who writes to one gets a private page. Other types, small tensors and unaligned ones are
/// converted into memory of their own. The files may be replaced meanwhile, but not cut short.
/// @param dtype     float32 or bfloat16
/// @param warnings  receives what is odd but not wrong; may be null
/// @throws Error listing missing, misshapen or colliding tensors
[[nodiscard]] Weights load_weights(const std::filesystem::path& folder, const ModelConfig& config,
                                   at::ScalarType dtype = at::kFloat,
                                   std::vector<std::string>* warnings = nullptr);

struct SaveOptions {
  std::optional<at::ScalarType> dtype{};          ///< none: each tensor's own
  std::uint64_t max_shard_bytes = 5'000'000'000;  ///< of one file
  bool sync = true;                               ///< fsync: survives a power loss
};

/// The tensors as one safetensors file, written aside and renamed.
void save_weights(const Weights& weights, const std::filesystem::path& file,
                  const SaveOptions& options = {});

/// The tensors as the weights of a model in a folder that holds none: model.safetensors, or shards
/// with an index. Never more than one tensor is converted at a time.
void save_weight_files(const Weights& weights, const std::filesystem::path& folder,
                       const SaveOptions& options = {});

/// Float32 weights for a new model, by the rule of initial_weights.hpp.
[[nodiscard]] Weights random_weights(const ModelConfig& config, Rng rng);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/model/qwen2_5_vl/weights.ipp>
#endif
