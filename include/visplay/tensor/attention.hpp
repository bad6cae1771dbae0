// attention(): kernels/attention.hpp as a differentiable function of tensors.
#pragma once

#include <visplay/kernels/attention.hpp>
#include <visplay/tensor/compat.hpp>

#include <memory>

namespace visplay {

namespace detail {

struct AttentionFunction : torch::autograd::Function<AttentionFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, std::shared_ptr<const AttentionLayout> layout,
                            double scale);
  static TensorList backward(AutogradContext* ctx, TensorList grad);
};

}  // namespace detail

/// Attention of packed rows, each over the rows that the layout lets it see; float32 inside. All
/// three in float32 or all in bfloat16.
/// @param q       [rows, heads, head_dim]
/// @param k, v    [rows, kv_heads, head_dim]; kv_heads divides heads
/// @param layout  of exactly these rows; kept alive for the backward pass
/// @return [rows, heads, head_dim]
/// @throws Error if shapes and layout differ
[[nodiscard]] at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                   std::shared_ptr<const AttentionLayout> layout, double scale);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/tensor/attention.ipp>
#endif
