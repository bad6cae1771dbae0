// Bodies of linear_log_probs.hpp.
#pragma once

#include <visplay/tensor/linear_log_probs.hpp>

#include <algorithm>

namespace visplay {
namespace detail {

// Rows a chunk: about 16 MiB of float32 logits.
VISPLAY_INLINE std::int64_t rows_per_chunk(std::int64_t vocabulary) {
  return std::max<std::int64_t>(1, (4 << 20) / vocabulary);
}

VISPLAY_INLINE at::Tensor scaled_logits(const at::Tensor& hidden, const at::Tensor& head,
                                        double temperature) {
  const auto logits = at::linear(hidden, head).to(at::kFloat);
  return temperature == 1 ? logits : logits.div(temperature);
}

VISPLAY_INLINE TensorList LinearLogProbsFunction::forward(AutogradContext* ctx,
                                                          const at::Tensor& hidden,
                                                          const at::Tensor& head,
                                                          const at::Tensor& targets,
                                                          double temperature) {
  const auto n = hidden.size(0), step = rows_per_chunk(head.size(0));
  auto log_probs = at::empty({n}, at::kFloat), entropy = at::empty({n}, at::kFloat);
  for (std::int64_t at = 0; at < n; at += step) {
    const auto count = std::min(step, n - at);
    const auto log_p =
        at::log_softmax(scaled_logits(hidden.narrow(0, at, count), head, temperature), 1);
    log_probs.narrow(0, at, count)
        .copy_(log_p.gather(1, targets.narrow(0, at, count).unsqueeze(1)).squeeze(1));
    entropy.narrow(0, at, count).copy_(-(log_p.exp() * log_p).sum(1));
  }
  ctx->save_for_backward({hidden, head, targets});
  ctx->saved_data["temperature"] = temperature;
  ctx->saved_data["train_head"] = head.requires_grad();
  ctx->mark_non_differentiable({entropy});
  return {log_probs, entropy};
}

// d log_prob / dz = onehot(target) - softmax(z).
VISPLAY_INLINE TensorList LinearLogProbsFunction::backward(AutogradContext* ctx, TensorList grads) {
  const auto saved = ctx->get_saved_variables();
  const auto &hidden = saved[0], &head = saved[1], &targets = saved[2];
  const double temperature = ctx->saved_data["temperature"].toDouble();
  const auto n = hidden.size(0), step = rows_per_chunk(head.size(0));
  const bool train_head = ctx->saved_data["train_head"].toBool();
  auto grad_hidden = at::empty_like(hidden);
  auto grad_head = train_head ? at::zeros(head.sizes(), at::kFloat) : at::Tensor();
  for (std::int64_t at = 0; at < n; at += step) {
    const auto count = std::min(step, n - at);
    const auto rows = hidden.narrow(0, at, count);
    const auto g = (grads[0].narrow(0, at, count) / temperature).unsqueeze(1);
    auto dz = at::softmax(scaled_logits(rows, head, temperature), 1).mul_(-g);
    dz.scatter_add_(1, targets.narrow(0, at, count).unsqueeze(1), g);
    dz = dz.to(head.scalar_type());
    grad_hidden.narrow(0, at, count).copy_(dz.mm(head));
    if (!train_head) continue;
    if (head.scalar_type() == at::kFloat)
      grad_head.addmm_(dz.t(), rows);
    else
      grad_head.add_(dz.t().mm(rows));  // chunks add up in float32
  }
  return {grad_hidden, train_head ? grad_head.to(head.scalar_type()) : grad_head, {}, {}};
}

}  // namespace detail

VISPLAY_INLINE TokenLogProbs linear_log_probs(const at::Tensor& hidden, const at::Tensor& head,
                                              const at::Tensor& targets, double temperature) {
  check(hidden.dim() == 2 && head.dim() == 2 && hidden.size(1) == head.size(1) &&
            targets.dim() == 1 && targets.size(0) == hidden.size(0),
        "linear_log_probs: expected hidden [n, D], head [V, D] and targets [n]");
  check(temperature > 0, "linear_log_probs: expected a temperature above 0, got {}", temperature);
  auto both = detail::LinearLogProbsFunction::apply(hidden, head, targets, temperature);
  return {both[0], both[1]};
}

}  // namespace visplay
