// Bodies of linear_log_probs.hpp.
#pragma once

#include <visplay/tensor/kernel_call.hpp>
#include <visplay/tensor/linear_log_probs.hpp>

namespace visplay {
namespace detail {

inline std::span<float> span_of(const at::Tensor& t) {
  return {t.mutable_data_ptr<float>(), std::size_t(t.numel())};
}
inline std::span<const float> const_span_of(const at::Tensor& t) {
  return {t.const_data_ptr<float>(), std::size_t(t.numel())};
}

/// The tensors of a call in the kernel's terms.
struct HeadCall {
  HeadCall(const at::Tensor& hidden_in, const at::Tensor& head_in, const at::Tensor& targets_in,
           double temperature)
      : hidden(hidden_in.detach().contiguous()),
        head(head_in.detach().contiguous()),
        targets(targets_in.contiguous()),
        input{matrix_of(hidden),
              matrix_of(head),
              {targets.const_data_ptr<std::int64_t>(), std::size_t(targets.numel())},
              0,
              float(temperature)} {}

  /// Room for logits.
  [[nodiscard]] at::Tensor room(std::int64_t kept_bytes) const {
    if (kept_bytes <= 0) return {};
    const auto all = linear_log_probs_kept_bytes(hidden.size(0), head.size(0), input.hidden.type);
    return LentMemory::take(std::min(std::size_t(kept_bytes), all));
  }

  at::Tensor hidden, head, targets;
  LinearLogProbsInput input;
};

inline std::span<std::byte> bytes_of(const at::Tensor& t) {
  if (!t.defined()) return {};
  return {static_cast<std::byte*>(t.mutable_data_ptr()), std::size_t(t.numel())};
}

VISPLAY_INLINE TensorList LinearLogProbsFunction::forward(
    AutogradContext* ctx, const at::Tensor& hidden, const at::Tensor& head,
    const at::Tensor& targets, double temperature, std::int64_t kept_bytes) {
  const HeadCall call(hidden, head, targets, temperature);
  const auto n = hidden.size(0);
  const auto log_probs = at::empty({n}, at::kFloat), entropy = at::empty({n}, at::kFloat),
             log_sums = at::empty({n}, at::kFloat), kept = call.room(kept_bytes);
  KernelPool::run([&](ThreadPool& pool) {
    visplay::linear_log_probs(call.input,
                              {.log_probs = span_of(log_probs),
                               .entropy = span_of(entropy),
                               .log_sums = span_of(log_sums),
                               .kept = bytes_of(kept)},
                              pool);
  });
  ctx->save_for_backward({hidden, head, targets, log_sums, entropy.clone(), kept});
  ctx->saved_data["temperature"] = temperature;
  ctx->set_materialize_grads(false);
  return {log_probs, entropy};
}

VISPLAY_INLINE TensorList LinearLogProbsFunction::backward(AutogradContext* ctx, TensorList grads) {
  const auto saved = ctx->get_saved_variables();
  const HeadCall call(saved[0], saved[1], saved[2], ctx->saved_data["temperature"].toDouble());
  const auto coefficients = [](const at::Tensor& grad) {
    return grad.defined() ? grad.to(at::kFloat).contiguous() : grad;
  };
  const at::Tensor by_log_prob = coefficients(grads[0]), by_entropy = coefficients(grads[1]);
  const auto span = [](const at::Tensor& t) {
    return t.defined() ? const_span_of(t) : std::span<const float>();
  };
  at::Tensor grad_hidden, grad_head;
  if (ctx->needs_input_grad(0)) grad_hidden = at::empty_like(call.hidden);
  if (ctx->needs_input_grad(1)) grad_head = at::empty_like(call.head);
  KernelPool::run([&](ThreadPool& pool) {
    linear_log_probs_backward(call.input, const_span_of(saved[3]), const_span_of(saved[4]),
                              {span(by_log_prob), span(by_entropy)},
                              {mutable_matrix_of(grad_hidden), mutable_matrix_of(grad_head)}, pool,
                              bytes_of(saved[5]));
  });
  return {grad_hidden, grad_head, {}, {}, {}};
}

VISPLAY_INLINE void check_head_call(const at::Tensor& hidden, const at::Tensor& head,
                                    const at::Tensor& targets) {
  check(hidden.dim() == 2 && head.dim() == 2 && hidden.size(1) == head.size(1) &&
            targets.dim() == 1 && targets.size(0) == hidden.size(0) &&
            targets.scalar_type() == at::kLong,
        "linear_log_probs: expected hidden [n, D], head [V, D] and int64 targets [n]");
}

}  // namespace detail

VISPLAY_INLINE TokenLogProbs linear_log_probs(const at::Tensor& hidden, const at::Tensor& head,
                                              const at::Tensor& targets, double temperature,
                                              std::int64_t kept_bytes) {
  detail::check_head_call(hidden, head, targets);
  const bool differentiable =
      at::GradMode::is_enabled() && (hidden.requires_grad() || head.requires_grad());
  auto both = detail::LinearLogProbsFunction::apply(hidden, head, targets, temperature,
                                                    differentiable ? kept_bytes : 0);
  return {both[0], both[1]};
}

VISPLAY_INLINE LinearLogProbsResult linear_log_probs_with_gradient(
    const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets, double temperature,
    const CoefficientsOf& coefficients_of, std::int64_t kept_bytes) {
  detail::check_head_call(hidden, head, targets);
  const detail::HeadCall call(hidden, head, targets, temperature);
  LinearLogProbsResult result{
      {at::empty({hidden.size(0)}, at::kFloat), at::empty({hidden.size(0)}, at::kFloat)},
      at::empty_like(call.hidden),
      at::empty_like(call.head)};
  const at::Tensor kept = call.room(kept_bytes);
  detail::KernelPool::run([&](ThreadPool& pool) {
    linear_log_probs_with_gradient(call.input,
                                   {.log_probs = detail::span_of(result.tokens.log_probs),
                                    .entropy = detail::span_of(result.tokens.entropy),
                                    .kept = detail::bytes_of(kept)},
                                   coefficients_of,
                                   {detail::mutable_matrix_of(result.hidden_gradient),
                                    detail::mutable_matrix_of(result.head_gradient)},
                                   pool);
  });
  return result;
}

}  // namespace visplay
