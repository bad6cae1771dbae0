// Bodies of optimizer.hpp.
#pragma once

#include <visplay/train/optimizer.hpp>

#include <cmath>
#include <optional>

namespace visplay {

VISPLAY_INLINE AdamW::AdamW(Weights& weights, AdamWSettings settings,
                            const std::function<bool(std::string_view)>& trains)
    : settings_(settings) {
  groups_[0].weight_decay = settings.weight_decay;
  for (const auto& [name, tensor] : weights.all()) {
    if (trains && !trains(name)) continue;
    auto weight = tensor;
    weight.set_requires_grad(true);
    auto& group = groups_[tensor.dim() > 1 ? 0 : 1];
    group.weights.push_back(weight);
    group.masters.push_back(weight.detach().to(at::kFloat));  // itself if it is float32
    group.first.push_back(at::zeros_like(group.masters.back(), at::MemoryFormat::Contiguous));
    group.second.push_back(at::zeros_like(group.masters.back(), at::MemoryFormat::Contiguous));
    group.steps.push_back(at::zeros({}, at::kFloat));
  }
}

VISPLAY_INLINE void AdamW::zero_grad() {
  for (auto& group : groups_)
    for (auto& weight : group.weights) weight.mutable_grad().reset();
}

VISPLAY_INLINE double AdamW::step(double learning_rate) {
  const at::NoGradGuard no_gradients;
  double squares = 0;
  for (auto& group : groups_)
    for (auto& weight : group.weights)
      if (weight.grad().defined())
        squares += std::pow(weight.grad().to(at::kFloat).norm().item<double>(), 2);
  const double norm = std::sqrt(squares);
  if (!std::isfinite(norm)) return norm;
  const double scale = settings_.max_grad_norm > 0 && norm > settings_.max_grad_norm
                           ? settings_.max_grad_norm / (norm + 1e-6)
                           : 1;
  for (auto& group : groups_) {
    if (group.weights.empty()) continue;
    std::vector<at::Tensor> grads;
    for (auto& weight : group.weights) {
      if (!weight.grad().defined()) weight.mutable_grad() = at::zeros_like(weight);
      grads.push_back(weight.grad().to(at::kFloat).mul_(scale));
    }
    for (auto& count : group.steps) count.add_(1);
    at::_fused_adamw_(group.masters, grads, group.first, group.second, {}, group.steps,
                      learning_rate, settings_.beta1, settings_.beta2, group.weight_decay,
                      settings_.eps, /*amsgrad=*/false, /*maximize=*/false);
    for (std::size_t i = 0; i < group.weights.size(); ++i)
      if (!group.weights[i].is_alias_of(group.masters[i])) group.weights[i].copy_(group.masters[i]);
  }
  return norm;
}

}  // namespace visplay
