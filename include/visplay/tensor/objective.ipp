// Bodies of tensor/objective.hpp.
#pragma once

#include <visplay/tensor/objective.hpp>

namespace visplay {
namespace detail {

VISPLAY_INLINE at::Tensor ObjectiveFunction::forward(AutogradContext* ctx,
                                                     const at::Tensor& log_probs,
                                                     const std::optional<at::Tensor>& entropy,
                                                     const EvaluateTensors& evaluate,
                                                     bool differentiate, ObjectiveReport* report) {
  const at::Tensor entropies = entropy.value_or(at::Tensor());
  at::Tensor by_log_prob, by_entropy;
  ObjectiveGradient gradient;
  const auto wanted = [differentiate](const at::Tensor& of, at::Tensor& tensor) {
    if (!differentiate || !of.defined() || !of.requires_grad()) return std::span<float>();
    tensor = at::empty_like(of);
    return std::span(tensor.mutable_data_ptr<float>(), std::size_t(tensor.numel()));
  };
  gradient.log_probs = wanted(log_probs, by_log_prob);
  gradient.entropy = wanted(entropies, by_entropy);
  *report = evaluate(view_of(log_probs), view_of(entropies), gradient);
  ctx->save_for_backward({by_log_prob, by_entropy});
  return at::scalar_tensor(report->value, log_probs.options());
}

VISPLAY_INLINE TensorList ObjectiveFunction::backward(AutogradContext* ctx, TensorList grads) {
  const auto saved = ctx->get_saved_variables();
  const at::Tensor& scale = grads[0];
  // loss.backward() sends 1: nothing to do, and no copy.
  const bool one = !scale.requires_grad() && scale.is_cpu() && scale.scalar_type() == at::kFloat &&
                   *scale.const_data_ptr<float>() == 1.f;
  const auto scaled = [&](const at::Tensor& gradient) {
    return !gradient.defined() || one ? gradient : gradient * scale;
  };
  return {scaled(saved[0]), scaled(saved[1]), {}, {}, {}};
}

VISPLAY_INLINE ObjectiveLoss objective_loss(const at::Tensor& log_probs, const at::Tensor& entropy,
                                            const EvaluateTensors& evaluate) {
  check(log_probs.defined() && log_probs.dim() == 1, "objective loss: expected log-probs [N]");
  ObjectiveLoss result;
#ifdef VISPLAY_CUDA
  c10::OptionalDeviceGuard guard;
  if (is_on_gpu(log_probs)) guard.reset_device(log_probs.device());
#endif
  const auto given = entropy.defined() ? std::optional(entropy) : std::nullopt;
  result.loss = ObjectiveFunction::apply(log_probs, given, evaluate, at::GradMode::is_enabled(),
                                         &result.report);
  return result;
}

VISPLAY_INLINE void check_device(const at::Tensor& log_probs, const at::Tensor& entropy,
                                 bool is_stream) {
  for (const at::Tensor& t : {log_probs, entropy})
    if (t.defined())
      check(is_on_gpu(t) == is_stream, "objective loss: expected a tensor {}, got one on {}",
            is_stream ? "of the stream's GPU" : "on the CPU for a ThreadPool", t.device().str());
}

}  // namespace detail

VISPLAY_INLINE std::span<const float> view_of(const at::Tensor& tensor) {
  if (!tensor.defined()) return {};
  check((tensor.is_cpu() || detail::is_on_gpu(tensor)) && tensor.scalar_type() == at::kFloat &&
            tensor.is_contiguous(),
        "objective loss: expected a contiguous float32 tensor where kernels run, got {} on {}",
        c10::toString(tensor.scalar_type()), tensor.device().str());
  return {tensor.const_data_ptr<float>(), std::size_t(tensor.numel())};
}

}  // namespace visplay
