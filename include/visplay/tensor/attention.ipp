// Bodies of attention.hpp.
#pragma once

#include <visplay/tensor/attention.hpp>

#include <algorithm>

namespace visplay {
namespace detail {

using LayoutPtr = std::shared_ptr<const AttentionLayout>;

// Autograd keeps only tensors and simple values: the layout travels in a holder it may own.
struct LayoutHolder : torch::CustomClassHolder {
  LayoutPtr layout;
  explicit LayoutHolder(LayoutPtr layout) : layout(std::move(layout)) {}
};

VISPLAY_INLINE AttentionShape shape_of(const at::Tensor& q, const at::Tensor& k, double scale) {
  return {int(q.size(1)), int(k.size(1)), int(q.size(2)), float(scale)};
}

/// Tasks for a thread at least: 2^18 multiply-adds, some ten microseconds.
VISPLAY_INLINE std::int64_t attention_grain(const AttentionLayout& layout,
                                            const AttentionShape& shape) {
  double pairs = 0;
  for (const VisibleRows& row : layout.visible) pairs += row.count();
  const double all = 2 * pairs * shape.heads * shape.head_dim;
  return 1 + std::int64_t(0x1p18 * double(attention_tasks(layout, shape)) / std::max(all, 1.));
}

VISPLAY_INLINE at::Tensor AttentionFunction::forward(AutogradContext* ctx, const at::Tensor& q,
                                                     const at::Tensor& k, const at::Tensor& v,
                                                     LayoutPtr layout, double scale) {
  const auto q_rows = q.contiguous(), k_rows = k.contiguous(), v_rows = v.contiguous();
  const bool half = check_mixed_input(q_rows, "attention: q");
  check_mixed_input(k_rows, "attention: k"), check_mixed_input(v_rows, "attention: v");
  const auto shape = shape_of(q, k, scale);
  auto out = at::empty_like(q_rows);
  auto log_sum = at::empty({q.size(0), q.size(1)}, at::kFloat);
  const auto run = [&](std::int64_t begin, std::int64_t end) {
    with_element(half, [&](auto number) {
      using T = decltype(number);
      attention_forward(*layout, shape, numbers<T>(q_rows), numbers<T>(k_rows), numbers<T>(v_rows),
                        mutable_numbers<T>(out), mutable_numbers<float>(log_sum), begin, end);
    });
  };
  parallel_tasks(attention_tasks(*layout, shape), run, attention_grain(*layout, shape));
  ctx->save_for_backward({q_rows, k_rows, v_rows, out, log_sum});
  ctx->saved_data["scale"] = scale;
  ctx->saved_data["layout"] =
      c10::IValue::make_capsule(c10::make_intrusive<LayoutHolder>(std::move(layout)));
  return out;
}

VISPLAY_INLINE TensorList AttentionFunction::backward(AutogradContext* ctx, TensorList grad) {
  const auto saved = ctx->get_saved_variables();
  const auto capsule = ctx->saved_data["layout"].toCapsule();
  const auto& layout = *static_cast<LayoutHolder*>(capsule.get())->layout;
  const auto shape = shape_of(saved[0], saved[1], ctx->saved_data["scale"].toDouble());
  const auto grad_out = grad[0].contiguous();
  auto grad_q = at::empty_like(saved[0]), grad_k = at::empty_like(saved[1]),
       grad_v = at::empty_like(saved[2]);
  const auto run = [&](std::int64_t begin, std::int64_t end) {
    with_element(grad_out.scalar_type() == at::kBFloat16, [&](auto number) {
      using T = decltype(number);
      attention_backward(layout, shape, numbers<T>(saved[0]), numbers<T>(saved[1]),
                         numbers<T>(saved[2]), numbers<T>(saved[3]), numbers<float>(saved[4]),
                         numbers<T>(grad_out), mutable_numbers<T>(grad_q),
                         mutable_numbers<T>(grad_k), mutable_numbers<T>(grad_v), begin, end);
    });
  };
  parallel_tasks(attention_tasks(layout, shape), run, attention_grain(layout, shape));
  return {grad_q, grad_k, grad_v, {}, {}};
}

}  // namespace detail

VISPLAY_INLINE at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                    std::shared_ptr<const AttentionLayout> layout, double scale) {
  check(q.dim() == 3 && k.dim() == 3 && k.sizes() == v.sizes() && q.size(2) == k.size(2) &&
            k.size(1) > 0 && q.size(1) % k.size(1) == 0 && q.size(0) == k.size(0) &&
            q.scalar_type() == k.scalar_type() && q.scalar_type() == v.scalar_type(),
        "attention: expected q [rows, heads, dim] and k, v [rows, kv_heads, dim] of one type with "
        "kv_heads dividing heads");
  check(layout != nullptr, "attention: expected a layout, got null");
  check(q.size(0) == layout->rows(), "attention: expected the layout's {} rows, got {}",
        layout->rows(), q.size(0));
  return detail::AttentionFunction::apply(q, k, v, std::move(layout), scale);
}

}  // namespace visplay
