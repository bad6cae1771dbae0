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

  /// A number a token.
  [[nodiscard]] at::Tensor numbers() const {
    return at::empty({hidden.size(0)}, hidden.options().dtype(at::kFloat));
  }
  /// Room for logits.
  [[nodiscard]] at::Tensor room(std::int64_t kept_bytes) const {
    if (kept_bytes <= 0) return {};
    const auto all = linear_log_probs_kept_bytes(hidden.size(0), head.size(0), input.hidden.type);
    const std::size_t bytes = std::min(std::size_t(kept_bytes), all);
    if (is_on_gpu(hidden))
      return at::empty({std::int64_t(bytes)}, hidden.options().dtype(at::kByte));
    return LentMemory::take(bytes);
  }
  /// body(where the kernels run): a pool, or a stream with work space for it.
  /// @param gradient  that it computes, if any
  template <class Body>
  void run(const Body& body,
           [[maybe_unused]] const LinearLogProbsGradient* gradient = nullptr) const {
#ifdef VISPLAY_CUDA
    if (is_on_gpu(hidden)) {
      const std::size_t bytes = gradient ? cuda::linear_log_probs_bytes(input, *gradient)
                                         : cuda::linear_log_probs_bytes(input);
      return GpuStreams::run(hidden.device(), bytes, body);
    }
#endif
    KernelPool::run(body);
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
  const auto log_probs = call.numbers(), entropy = call.numbers(), log_sum_exp = call.numbers(),
             kept = call.room(kept_bytes);
  call.run([&](auto& where) {
    linear_log_probs(call.input,
                     LinearLogProbsOutput{.log_probs = span_of(log_probs),
                                          .entropy = span_of(entropy),
                                          .log_sum_exp = span_of(log_sum_exp),
                                          .kept = bytes_of(kept)},
                     where);
  });
  ctx->save_for_backward({hidden, head, targets, log_sum_exp, entropy.clone(), kept});
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
  const LinearLogProbsGradient gradient{mutable_matrix_of(grad_hidden),
                                        mutable_matrix_of(grad_head)};
  const auto run = [&](auto& where) {
    linear_log_probs_backward(call.input, const_span_of(saved[3]), const_span_of(saved[4]),
                              LinearLogProbsCoefficients{span(by_log_prob), span(by_entropy)},
                              gradient, where, std::span<const std::byte>(bytes_of(saved[5])));
  };
  call.run(run, &gradient);
  return {grad_hidden, grad_head, {}, {}, {}};
}

VISPLAY_INLINE void check_head_call(const at::Tensor& hidden, const at::Tensor& head,
                                    const at::Tensor& targets) {
  check(
      hidden.dim() == 2 && head.dim() == 2 && hidden.size(1) == head.size(1) &&
          targets.dim() == 1 && targets.size(0) == hidden.size(0) &&
          targets.scalar_type() == at::kLong && head.device() == hidden.device() &&
          targets.device() == hidden.device(),
      "linear_log_probs: expected hidden [n, D], head [V, D] and int64 targets [n] on one device");
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
  const LinearLogProbsResult result{
      {call.numbers(), call.numbers()}, at::empty_like(call.hidden), at::empty_like(call.head)};
  const at::Tensor kept = call.room(kept_bytes);
  const LinearLogProbsGradient gradient{detail::mutable_matrix_of(result.hidden_gradient),
                                        detail::mutable_matrix_of(result.head_gradient)};
  const auto run = [&](auto& where) {
    linear_log_probs_with_gradient(
        call.input,
        LinearLogProbsOutput{.log_probs = detail::span_of(result.tokens.log_probs),
                             .entropy = detail::span_of(result.tokens.entropy),
                             .kept = detail::bytes_of(kept)},
        coefficients_of, gradient, where);
  };
  call.run(run, &gradient);
  return result;
}

}  // namespace visplay
