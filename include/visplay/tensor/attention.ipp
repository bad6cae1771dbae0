// Bodies of attention.hpp.
#pragma once

#include <visplay/tensor/attention.hpp>

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

VISPLAY_INLINE at::Tensor AttentionFunction::forward(AutogradContext* ctx, const at::Tensor& q,
                                                     const at::Tensor& k, const at::Tensor& v,
                                                     LayoutPtr layout, double scale) {
  const auto q_rows = q.contiguous(), k_rows = k.contiguous(), v_rows = v.contiguous();
  check_kernel_input(q_rows, "attention: q");
  check_kernel_input(k_rows, "attention: k");
  check_kernel_input(v_rows, "attention: v");
  const auto shape = shape_of(q, k, scale);
  auto out = at::empty_like(q_rows);
  auto log_sum = at::empty({q.size(0), q.size(1)}, q.options());
  const auto run = [&](std::int64_t begin, std::int64_t end) {
    attention_forward(*layout, shape, q_rows.const_data_ptr<float>(),
                      k_rows.const_data_ptr<float>(), v_rows.const_data_ptr<float>(),
                      out.mutable_data_ptr<float>(), log_sum.mutable_data_ptr<float>(), begin, end);
  };
  parallel_tasks(attention_tasks(*layout, shape), run);
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
  const auto read = [](const at::Tensor& t) { return t.const_data_ptr<float>(); };
  const auto run = [&](std::int64_t begin, std::int64_t end) {
    attention_backward(layout, shape, read(saved[0]), read(saved[1]), read(saved[2]),
                       read(saved[3]), read(saved[4]), read(grad_out),
                       grad_q.mutable_data_ptr<float>(), grad_k.mutable_data_ptr<float>(),
                       grad_v.mutable_data_ptr<float>(), begin, end);
  };
  parallel_tasks(attention_tasks(layout, shape), run);
  return {grad_q, grad_k, grad_v, {}, {}};
}

}  // namespace detail

VISPLAY_INLINE at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                    std::shared_ptr<const AttentionLayout> layout, double scale) {
  check(q.dim() == 3 && k.dim() == 3 && k.sizes() == v.sizes() && q.size(2) == k.size(2) &&
            k.size(1) > 0 && q.size(1) % k.size(1) == 0 && q.size(0) == k.size(0),
        "attention: expected q [rows, heads, dim] and k, v [rows, kv_heads, dim] with kv_heads "
        "dividing heads");
  check(q.size(0) == layout->rows(), "attention: expected the layout's {} rows, got {}",
        layout->rows(), q.size(0));
  return detail::AttentionFunction::apply(q, k, v, std::move(layout), scale);
}

}  // namespace visplay
