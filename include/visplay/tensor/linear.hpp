// linear(): y = x W^T + b, differentiable, by whichever matrix product is faster here.
//
// That is kernels/matrix_product.hpp for bfloat16, forward and backward, at 32 rows and more on processors
// with AMX and always on those without AVX-512; else ATen's. Both sum in float32 and round once.
#pragma once

#include <visplay/tensor/compat.hpp>

#include <optional>

namespace visplay {
namespace detail {

struct LinearFunction : torch::autograd::Function<LinearFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight,
                            const std::optional<at::Tensor>& bias);
  static TensorList backward(AutogradContext* ctx, TensorList grads);
};

}  // namespace detail

/// @param x       [..., in]
/// @param weight  [out, in], of x's type
/// @param bias    [out], of x's type, or undefined
/// @return [..., out]
[[nodiscard]] at::Tensor linear(const at::Tensor& x, const at::Tensor& weight,
                                const at::Tensor& bias = {});

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/tensor/linear.ipp>
#endif
