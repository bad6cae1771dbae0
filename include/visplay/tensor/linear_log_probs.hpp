// linear_log_probs(): kernels/linear_log_probs.hpp as a differentiable function of tensors.
//
//   z = hidden . head^T / temperature          [n, V], never in memory
//   log_prob = z[target] - logsumexp(z),  entropy = logsumexp(z) - sum softmax(z) z
//
// over all V rows of the head as stored, summed in float32. Both results are differentiable; the
// backward pass computes z again. linear_log_probs_with_gradient() is the one call for those who
// know the objective: no graph, nothing kept.
#pragma once

#include <visplay/kernels/linear_log_probs.hpp>
#include <visplay/tensor/compat.hpp>

namespace visplay {

struct TokenLogProbs {
  at::Tensor log_probs;  ///< [n] float32
  at::Tensor entropy;    ///< [n] float32 in nats
};

namespace detail {

struct LinearLogProbsFunction : torch::autograd::Function<LinearLogProbsFunction> {
  static TensorList forward(AutogradContext* ctx, const at::Tensor& hidden, const at::Tensor& head,
                            const at::Tensor& targets, double temperature);
  static TensorList backward(AutogradContext* ctx, TensorList grad);
};

}  // namespace detail

/// @param hidden       [n, D] float32 or bfloat16 on the CPU, after the final norm
/// @param head         [V, D], of the same type
/// @param targets      [n] int64, in [0, V); a negative one: the row is ignored, its results are 0
/// @param temperature  > 0
/// @throws Error if the tensors do not fit
[[nodiscard]] TokenLogProbs linear_log_probs(const at::Tensor& hidden, const at::Tensor& head,
                                             const at::Tensor& targets, double temperature = 1);

struct LinearLogProbsResult {
  TokenLogProbs tokens;
  at::Tensor hidden_gradient, head_gradient;  ///< of the types of hidden and head
};

/// Forward pass, the objective's coefficients, backward pass. Arguments as above.
[[nodiscard]] LinearLogProbsResult linear_log_probs_with_gradient(
    const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets, double temperature,
    const CoefficientsOf& coefficients_of);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/tensor/linear_log_probs.ipp>
#endif
