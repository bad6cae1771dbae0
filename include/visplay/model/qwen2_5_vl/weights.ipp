// Bodies of weights.hpp.
#pragma once

#include <visplay/io/safetensors.hpp>
#include <visplay/io/safetensors_writer.hpp>
#include <visplay/model/qwen2_5_vl/initial_weights.hpp>
#include <visplay/model/qwen2_5_vl/tensor_names.hpp>
#include <visplay/model/qwen2_5_vl/weights.hpp>

#include <fmt/format.h>

#include <cstring>
#include <memory>

namespace visplay {

VISPLAY_INLINE Weights::Weights(std::vector<NamedTensor> tensors) : tensors_(std::move(tensors)) {
  for (std::size_t i = 0; i < tensors_.size(); ++i) index_.emplace(tensors_[i].name, i);
  check(index_.size() == tensors_.size(), "weights: two tensors have the same name");
}

VISPLAY_INLINE at::Tensor Weights::find(std::string_view name) const {
  const auto at = index_.find(name);
  return at == index_.end() ? at::Tensor{} : tensors_[at->second].tensor;
}

VISPLAY_INLINE const at::Tensor& Weights::at(std::string_view name) const {
  const auto at = index_.find(name);
  check(at != index_.end(), "weights: there is no tensor \"{}\"", name);
  return tensors_[at->second].tensor;
}

VISPLAY_INLINE Weights Weights::clone() const {
  std::vector<NamedTensor> copies;
  copies.reserve(tensors_.size());
  for (const auto& [name, tensor] : tensors_) copies.push_back({name, tensor.detach().clone()});
  return Weights(std::move(copies));
}

VISPLAY_INLINE void Weights::assign(const Weights& from) {
  const at::NoGradGuard no_gradients;
  for (auto& [name, tensor] : tensors_) {
    const auto& source = from.at(name);
    check(source.sizes() == tensor.sizes(), "weights: \"{}\" differs in shape", name);
    tensor.copy_(source);
  }
}

VISPLAY_INLINE void Weights::require_gradients(bool on) {
  for (auto& [name, tensor] : tensors_) tensor.set_requires_grad(on);
}

namespace detail {

VISPLAY_INLINE at::ScalarType scalar_type_of(const TensorEntry& entry) {
  switch (entry.dtype) {
    case DType::f32:
      return at::kFloat;
    case DType::bf16:
      return at::kBFloat16;
    case DType::f16:
      return at::kHalf;
    case DType::f64:
      return at::kDouble;
    default:
      throw Error(fmt::format("'{}' is of type {}, expected F32, BF16, F16 or F64",
                              printable(entry.name), name_of(entry.dtype)));
  }
}

VISPLAY_INLINE DType dtype_of(at::ScalarType type, std::string_view name) {
  switch (type) {
    case at::kFloat:
      return DType::f32;
    case at::kBFloat16:
      return DType::bf16;
    case at::kHalf:
      return DType::f16;
    case at::kDouble:
      return DType::f64;
    default:
      throw Error(fmt::format("weights: \"{}\" would be of type {}, which is not saved", name,
                              c10::toString(type)));
  }
}

/// Smaller tensors are copied: it costs nothing, and puts them where libtorch's own would lie, on
/// which sums in a few libraries' small products depend.
inline constexpr std::size_t least_viewed_bytes = std::size_t(1) << 20;

/// @param owner  holds the entry's bytes, and is held by the tensor if that views them
VISPLAY_INLINE at::Tensor tensor_of(const TensorEntry& entry, at::ScalarType dtype,
                                    const std::shared_ptr<const SafetensorsFile>& owner) {
  const auto stored = scalar_type_of(entry);
  const auto address = reinterpret_cast<std::uintptr_t>(entry.bytes.data());
  if (address % byte_size(entry.dtype) != 0) {
    auto copy = at::empty(entry.shape, stored);
    std::memcpy(copy.mutable_data_ptr(), entry.bytes.data(), entry.bytes.size());
    return copy.to(dtype);
  }
  // Mapped pages may be written: they are private copies then (SafetensorsFile).
  void* data = const_cast<std::byte*>(entry.bytes.data());
  const auto view = at::from_blob(
      data, entry.shape, [owner](void*) {}, at::dtype(stored));
  const bool own = stored != dtype || entry.bytes.size() < least_viewed_bytes;
  return own ? view.to(dtype, /*non_blocking=*/false, /*copy=*/true) : view;
}

/// What a file shall hold, without the bytes, and where they come from.
struct SavePlan {
  std::vector<TensorEntry> entries;
  TensorSource source;
};

VISPLAY_INLINE SavePlan save_plan(const Weights& weights, const SaveOptions& options) {
  SavePlan plan;
  const auto type_of = [dtype = options.dtype](const at::Tensor& tensor) {
    return dtype.value_or(tensor.scalar_type());
  };
  for (const auto& [name, tensor] : weights.all())
    plan.entries.push_back({name, dtype_of(type_of(tensor), name), tensor.sizes().vec(), {}});
  plan.source = [&weights, type_of](const TensorEntry& entry, const TensorSink& put) {
    const at::Tensor& tensor = weights.at(entry.name);
    const auto flat = tensor.detach().to(at::kCPU, type_of(tensor)).contiguous();
    put({static_cast<const std::byte*>(flat.const_data_ptr()), flat.nbytes()});
  };
  return plan;
}

}  // namespace detail

VISPLAY_INLINE Weights load_weights(const std::filesystem::path& folder, const ModelConfig& config,
                                    at::ScalarType dtype, std::vector<std::string>* warnings) {
  check(dtype == at::kFloat || dtype == at::kBFloat16,
        "weights: expected float32 or bfloat16 to load them in, got {}", c10::toString(dtype));
  const auto files = std::make_shared<const SafetensorsFile>(SafetensorsFile::open_folder(folder));
  const auto matched = match_tensors(config, files->entries(), folder.string());
  if (warnings) *warnings = matched.warnings;
  std::vector<NamedTensor> tensors;
  const auto take = [&](const std::string& name) {
    tensors.push_back({name, detail::tensor_of(files->entries()[matched.at(name)], dtype, files)});
  };
  bool head_listed = false;
  for (const auto& [name, shape] : tensor_inventory(config)) {
    if (!matched.index.contains(name)) continue;  // a head that is tied after all
    head_listed |= name == "lm_head.weight";
    take(name);
  }
  if (!head_listed && matched.index.contains("lm_head.weight")) take("lm_head.weight");
  return Weights(std::move(tensors));
}

VISPLAY_INLINE void save_weights(const Weights& weights, const std::filesystem::path& file,
                                 const SaveOptions& options) {
  const auto plan = detail::save_plan(weights, options);
  write_safetensors(file, plan.entries, {.sync = options.sync}, plan.source);
}

VISPLAY_INLINE void save_weight_files(const Weights& weights, const std::filesystem::path& folder,
                                      const SaveOptions& options) {
  const auto plan = detail::save_plan(weights, options);
  write_weight_files(folder, plan.entries,
                     {.sync = options.sync, .max_shard_bytes = options.max_shard_bytes},
                     plan.source);
}

VISPLAY_INLINE Weights random_weights(const ModelConfig& config, Rng rng) {
  ThreadPool pool(at::get_num_threads());
  std::vector<NamedTensor> tensors;
  for (const TensorShape& wanted : tensor_inventory(config)) {
    auto tensor = at::empty(wanted.shape, at::kFloat);
    initial_values(config, wanted, rng, 0,
                   {tensor.mutable_data_ptr<float>(), std::size_t(tensor.numel())}, pool);
    tensors.push_back({wanted.name, std::move(tensor)});
  }
  return Weights(std::move(tensors));
}

}  // namespace visplay
