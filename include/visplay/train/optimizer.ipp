// Bodies of optimizer.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/kernels/adamw.hpp>
#include <visplay/train/optimizer.hpp>

#include <algorithm>
#include <cmath>
#include <span>

namespace visplay {
namespace detail {

inline std::span<float> floats_of(const at::Tensor& tensor) {
  return {tensor.data_ptr<float>(), std::size_t(tensor.numel())};
}

}  // namespace detail

VISPLAY_INLINE AdamW::AdamW(Weights& weights, AdamWSettings settings,
                            const std::function<bool(std::string_view)>& trains)
    : settings_(settings), pool_(std::make_unique<ThreadPool>(std::max(1, at::get_num_threads()))) {
  for (const auto& [name, tensor] : weights.all()) {
    if (trains && !trains(name)) continue;
    auto weight = tensor;
    check(weight.is_contiguous(), "optimizer: {}: expected a contiguous tensor", name);
    weight.set_requires_grad(true);
    const auto master = weight.detach().to(at::kFloat);
    trained_.push_back({weight, master, at::zeros_like(master), at::zeros_like(master),
                        weight.dim() > 1 ? settings.weight_decay : 0});
  }
}

VISPLAY_INLINE void AdamW::zero_grad() {
  for (auto& one : trained_) one.weight.mutable_grad().reset();
}

VISPLAY_INLINE double AdamW::step(double learning_rate) {
  const at::NoGradGuard no_gradients;
  std::vector<at::Tensor> gradients;  // kept alive for the views
  std::vector<AdamWTensor> views;
  for (const auto& one : trained_) {
    const at::Tensor& gradient = one.weight.grad();
    const bool given = gradient.defined();
    gradients.push_back(given ? gradient.to(at::kFloat).contiguous() : gradient);
    views.push_back({.weights = detail::floats_of(one.master),
                     .gradients = given ? detail::floats_of(gradients.back()) : std::span<float>(),
                     .first = detail::floats_of(one.first),
                     .second = detail::floats_of(one.second),
                     .weight_decay = float(one.weight_decay)});
  }
  const double norm = adamw_step(std::span<const AdamWTensor>(views),
                                 {.step = steps_ + 1,
                                  .learning_rate = learning_rate,
                                  .beta1 = settings_.beta1,
                                  .beta2 = settings_.beta2,
                                  .eps = settings_.eps,
                                  .max_grad_norm = settings_.max_grad_norm},
                                 *pool_);
  if (!std::isfinite(norm)) return norm;
  ++steps_;
  for (const auto& one : trained_)
    if (!one.weight.is_alias_of(one.master)) at::Tensor(one.weight).copy_(one.master);
  return norm;
}

}  // namespace visplay
