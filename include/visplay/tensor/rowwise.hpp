// The memory-bound steps of a transformer layer, each one pass over the rows forward and one
// backward: root-mean-square norm, rotary embedding, gated activation. float32 or bfloat16 in and
// out, float32 in between, rounded once.
#pragma once

#include <visplay/tensor/compat.hpp>

namespace visplay {

namespace detail {

struct RmsNormFunction : torch::autograd::Function<RmsNormFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight,
                            double eps);
  static TensorList backward(AutogradContext* ctx, TensorList grad);
};
struct RotaryFunction : torch::autograd::Function<RotaryFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& cos,
                            const at::Tensor& sin);
  static TensorList backward(AutogradContext* ctx, TensorList grad);
};
struct SiluGateFunction : torch::autograd::Function<SiluGateFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& gate, const at::Tensor& up);
  static TensorList backward(AutogradContext* ctx, TensorList grad);
};

}  // namespace detail

/// y = x / sqrt(mean(x^2) + eps) * weight, row by row. Zhang and Sennrich 2019 (1910.07467).
/// @param x  [rows, dim]; @param weight  [dim] of the same type
[[nodiscard]] inline at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight,
                                         double eps) {
  return detail::RmsNormFunction::apply(x, weight, eps);
}

/// Rotates the pairs (x_d, x_{d + dim / 2}) by the row's angles: the "half" layout of Qwen.
/// @param x         [rows, heads, dim], dim even
/// @param cos, sin  [rows, dim / 2] float32; constants, no gradient
[[nodiscard]] inline at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos,
                                       const at::Tensor& sin) {
  return detail::RotaryFunction::apply(x, cos, sin);
}

/// silu(gate) * up, elementwise. @param gate, up  the same shape
[[nodiscard]] inline at::Tensor silu_gate(const at::Tensor& gate, const at::Tensor& up) {
  return detail::SiluGateFunction::apply(gate, up);
}

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/tensor/rowwise.ipp>
#endif
