// linear_log_probs(): from hidden states to the log-probabilities of chosen tokens.
//
//   z = hidden . head^T / temperature          [n, V], never held beyond one chunk of rows
//   log_prob = z[target] - logsumexp(z),  entropy = logsumexp(z) - sum softmax(z) z
//
// over all V rows of the head as stored, softmax and sums in float32. The backward pass computes each
// chunk again; a frozen head gets no gradient and costs none.
#pragma once

#include <visplay/tensor/compat.hpp>

namespace visplay {

struct TokenLogProbs {
  at::Tensor log_probs;  ///< [n], differentiable with respect to hidden and head
  at::Tensor entropy;    ///< [n] in nats, without gradient
};

namespace detail {

struct LinearLogProbsFunction : torch::autograd::Function<LinearLogProbsFunction> {
  static TensorList forward(AutogradContext* ctx, const at::Tensor& hidden, const at::Tensor& head,
                            const at::Tensor& targets, double temperature);
  static TensorList backward(AutogradContext* ctx, TensorList grad);
};

}  // namespace detail

/// @param hidden       [n, D], after the final norm
/// @param head         [V, D]
/// @param targets      [n] int64, in [0, V)
/// @param temperature  > 0
[[nodiscard]] TokenLogProbs linear_log_probs(const at::Tensor& hidden, const at::Tensor& head,
                                             const at::Tensor& targets, double temperature = 1);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/tensor/linear_log_probs.ipp>
#endif
