// Bodies of checkpoint.hpp.
#pragma once

#include <visplay/tensor/checkpoint.hpp>

namespace visplay {
namespace detail {

// Autograd keeps only tensors and simple values: the part travels in a holder it may own.
struct PartHolder : torch::CustomClassHolder {
  NetworkPart part;
  std::vector<at::Tensor> parameters;
  PartHolder(NetworkPart part, std::vector<at::Tensor> parameters)
      : part(std::move(part)), parameters(std::move(parameters)) {}
};

// Called without recording, as every forward of a Function is.
VISPLAY_INLINE at::Tensor CheckpointFunction::forward(AutogradContext* ctx, const at::Tensor& x,
                                                      const at::TensorList& parameters,
                                                      const NetworkPart& part) {
  ctx->save_for_backward({x});
  ctx->saved_data["x_requires_grad"] = x.requires_grad();
  ctx->saved_data["part"] =
      c10::IValue::make_capsule(c10::make_intrusive<PartHolder>(part, parameters.vec()));
  return part(x);
}

VISPLAY_INLINE TensorList CheckpointFunction::backward(AutogradContext* ctx, TensorList grad) {
  const auto capsule = ctx->saved_data["part"].toCapsule();
  const auto& holder = *static_cast<PartHolder*>(capsule.get());
  const bool of_x = ctx->saved_data["x_requires_grad"].toBool();
  const auto x = ctx->get_saved_variables()[0].detach().set_requires_grad(of_x);
  at::Tensor y;
  {
    const at::AutoGradMode record(true);
    y = holder.part(x);
  }
  TensorList inputs = holder.parameters;
  if (of_x) inputs.push_back(x);
  auto gradients = torch::autograd::grad({y}, inputs, grad, /*retain_graph=*/false,
                                         /*create_graph=*/false, /*allow_unused=*/true);
  TensorList all{of_x ? gradients.back() : at::Tensor()};
  all.insert(all.end(), gradients.begin(),
             gradients.begin() + std::ptrdiff_t(holder.parameters.size()));
  all.emplace_back();  // of the part
  return all;
}

}  // namespace detail

VISPLAY_INLINE at::Tensor checkpoint(const at::Tensor& x, const std::vector<at::Tensor>& parameters,
                                     const NetworkPart& part) {
  std::vector<at::Tensor> trained;
  for (const auto& tensor : parameters)
    if (tensor.requires_grad()) trained.push_back(tensor);
  if (!at::GradMode::is_enabled() || (trained.empty() && !x.requires_grad())) return part(x);
  const at::TensorList list(trained);
  return detail::CheckpointFunction::apply(x, list, part);
}

}  // namespace visplay
