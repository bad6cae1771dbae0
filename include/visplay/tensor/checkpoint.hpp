// checkpoint(): a part of a network of which only the input is kept for the backward pass, which
// runs the part again (Chen et al. 2016, 1604.06174). Same values and gradients, to the bit.
//
//   x = checkpoint(x, layer.tensors(), [layer](const at::Tensor& in) { return layer(in); });
#pragma once

#include <visplay/tensor/compat.hpp>

#include <functional>

namespace visplay {

using NetworkPart = std::function<at::Tensor(const at::Tensor&)>;

namespace detail {

struct CheckpointFunction : torch::autograd::Function<CheckpointFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x,
                            const at::TensorList& parameters, const NetworkPart& part);
  static TensorList backward(AutogradContext* ctx, TensorList grad);
};

}  // namespace detail

/// part(x). Without gradients in sight it is no more than that.
/// @param parameters  every tensor that the part computes with; those that require gradients get
///                    them, also where x requires none
/// @param part        owns what it uses, since it is called again by backward; deterministic
[[nodiscard]] at::Tensor checkpoint(const at::Tensor& x, const std::vector<at::Tensor>& parameters,
                                    const NetworkPart& part);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/tensor/checkpoint.ipp>
#endif
