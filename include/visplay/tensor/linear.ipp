// Bodies of linear.hpp.
#pragma once

#include <visplay/core/simd_level.hpp>
#include <visplay/kernels/matrix_product.hpp>
#include <visplay/tensor/kernel_call.hpp>
#include <visplay/tensor/linear.hpp>

namespace visplay {
namespace detail {

inline ProductOperand operand_of(const at::Tensor& t, bool turned = false) {
  return {matrix_of(t), turned};
}

/// A new matrix, the product of two contiguous ones.
VISPLAY_INLINE at::Tensor product_of(const ProductOperand& left, const ProductOperand& right,
                                     const at::Tensor& bias, at::ScalarType type) {
  at::Tensor out = at::empty({left.rows(), right.rows()}, type);
  const at::Tensor added = bias.defined() ? bias.detach().to(at::kFloat).contiguous() : bias;
  const auto numbers = added.defined()
                           ? std::span(added.const_data_ptr<float>(), std::size_t(added.numel()))
                           : std::span<const float>();
  KernelPool::run([&](ThreadPool& pool) {
    matrix_product(left, right, numbers, mutable_matrix_of(out), pool);
  });
  return out;
}

/// Flattened to [rows, columns], contiguous.
inline at::Tensor rows_of(const at::Tensor& t) {
  return t.detach().reshape({-1, t.size(-1)}).contiguous();
}

VISPLAY_INLINE at::Tensor LinearFunction::forward(AutogradContext* ctx, const at::Tensor& x,
                                                  const at::Tensor& weight,
                                                  const std::optional<at::Tensor>& bias) {
  const at::Tensor rows = rows_of(x), w = weight.detach().contiguous();
  const at::Tensor y =
      product_of(operand_of(rows), operand_of(w), bias.value_or(at::Tensor()), x.scalar_type());
  ctx->save_for_backward({weight.requires_grad() ? x : at::Tensor(), weight});
  std::vector<std::int64_t> shape = x.sizes().vec();
  ctx->saved_data["in"] = shape;
  ctx->saved_data["bias"] = bias.has_value();
  shape.back() = weight.size(0);
  return y.reshape(shape);
}

VISPLAY_INLINE TensorList LinearFunction::backward(AutogradContext* ctx, TensorList grads) {
  const auto saved = ctx->get_saved_variables();
  const at::Tensor grad = rows_of(grads[0]);
  TensorList wanted(3);
  if (ctx->needs_input_grad(0)) {
    const at::Tensor w = saved[1].detach().contiguous();
    wanted[0] = product_of(operand_of(grad), operand_of(w, true), {}, grad.scalar_type())
                    .reshape(ctx->saved_data["in"].toIntVector());
  }
  if (ctx->needs_input_grad(1)) {
    const at::Tensor x = rows_of(saved[0]);
    wanted[1] = product_of(operand_of(grad, true), operand_of(x, true), {}, grad.scalar_type());
  }
  if (ctx->saved_data["bias"].toBool() && ctx->needs_input_grad(2)) wanted[2] = grad.sum(0);
  return wanted;
}

/// Whether our product is the faster one: with AMX beyond a few rows, and where there is no AVX-512, since
/// without it ATen has no fast product of bfloat16 (docs/kernels.md).
VISPLAY_INLINE bool takes_our_product(const at::Tensor& x, const at::Tensor& weight) {
  constexpr std::int64_t fewest_rows = 32;  // with AMX; below, ours is not measured there
  const SimdLevel level = simd_level();
  return x.scalar_type() == at::kBFloat16 && weight.scalar_type() == at::kBFloat16 &&
         x.device().is_cpu() && weight.device().is_cpu() && x.size(-1) == weight.size(1) &&
         (level < SimdLevel::avx512 ||
          (level == SimdLevel::amx && x.numel() >= fewest_rows * x.size(-1)));
}

}  // namespace detail

VISPLAY_INLINE at::Tensor linear(const at::Tensor& x, const at::Tensor& weight,
                                 const at::Tensor& bias) {
  if (detail::takes_our_product(x, weight))
    return detail::LinearFunction::apply(x, weight,
                                         bias.defined() ? std::optional(bias) : std::nullopt);
  return bias.defined() ? at::linear(x, weight, bias) : at::linear(x, weight);
}

}  // namespace visplay
