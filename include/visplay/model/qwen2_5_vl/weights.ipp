// Bodies of weights.hpp.
#pragma once

#include <visplay/io/safetensors.hpp>
#include <visplay/model/qwen2_5_vl/tensor_names.hpp>
#include <visplay/model/qwen2_5_vl/weights.hpp>

#include <cmath>

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

VISPLAY_INLINE Weights load_weights(const std::filesystem::path& folder, const ModelConfig& config,
                                    std::vector<std::string>* warnings) {
  const auto files = SafetensorsFile::open_folder(folder);
  const auto matched = match_tensors(config, files.entries(), folder.string());
  if (warnings) *warnings = matched.warnings;
  std::vector<NamedTensor> tensors;
  const auto take = [&](const std::string& name) {
    const auto& entry = files.entries()[matched.at(name)];
    auto tensor = at::empty(entry.shape, at::kFloat);
    copy_to_float(entry, {tensor.mutable_data_ptr<float>(), std::size_t(tensor.numel())});
    tensors.push_back({name, std::move(tensor)});
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
                                 bool sync) {
  std::vector<at::Tensor> held;
  std::vector<TensorEntry> entries;
  for (const auto& [name, tensor] : weights.all()) {
    held.push_back(tensor.detach().to(at::kCPU, at::kFloat).contiguous());
    const auto& t = held.back();
    entries.push_back({name,
                       DType::f32,
                       t.sizes().vec(),
                       {static_cast<const std::byte*>(t.const_data_ptr()), t.nbytes()}});
  }
  write_safetensors(file, entries, {.sync = sync});
}

VISPLAY_INLINE Weights random_weights(const ModelConfig& config, Rng rng) {
  const auto ends_with = [](std::string_view s, std::string_view end) { return s.ends_with(end); };
  const double text_depth = 1 / std::sqrt(2. * config.text.num_layers),
               vision_depth = 1 / std::sqrt(2. * config.vision.depth);
  std::vector<NamedTensor> tensors;
  for (const auto& [name, shape] : tensor_inventory(config)) {
    auto tensor = at::zeros(shape, at::kFloat);
    if (ends_with(name, "norm.weight") || ends_with(name, "norm1.weight") ||
        ends_with(name, "norm2.weight") || ends_with(name, "ln_q.weight") ||
        ends_with(name, "layernorm.weight")) {
      tensor.fill_(1);
    } else if (!ends_with(name, ".bias")) {
      const bool table = ends_with(name, "embed_tokens.weight") || name == "lm_head.weight";
      double scale = table ? 0.02 : 1 / std::sqrt(double(tensor.numel() / tensor.size(0)));
      if (ends_with(name, "o_proj.weight") || ends_with(name, "attn.proj.weight") ||
          ends_with(name, "down_proj.weight"))
        scale *= name.starts_with("visual.") ? vision_depth : text_depth;
      Rng draw = rng.fork(name);
      float* to = tensor.mutable_data_ptr<float>();
      for (std::int64_t i = 0; i < tensor.numel(); ++i) to[i] = float(scale * draw.normal());
    }
    tensors.push_back({name, std::move(tensor)});
  }
  return Weights(std::move(tensors));
}

}  // namespace visplay
