// linear_log_probs(): kernels/linear_log_probs.hpp as a differentiable function of tensors.
//
//   z = hidden . head^T / temperature          [n, V], never in memory
//   log_prob = z[target] - logsumexp(z),  entropy = logsumexp(z) - sum softmax(z) z
//
// over all V rows of the head as stored, summed in float32. Both results are differentiable. Logits that
// find no room in `kept_bytes` of memory are computed again by the backward pass.
// linear_log_probs_with_gradient() is the one call for those who know the objective: no graph.
// With VISPLAY_CUDA tensors may be a GPU's: visplay::cuda does the same, asynchronously, on libtorch's
// current stream.
#pragma once

#include <visplay/kernels/linear_log_probs.hpp>
#include <visplay/tensor/compat.hpp>

namespace visplay {

/// At 2.125 bytes a logit of bfloat16 (float32: 4), all of 800 tokens of a vocabulary of 151,936. A
/// process holds on to it.
constexpr std::int64_t default_kept_bytes = std::int64_t(256) << 20;

struct TokenLogProbs {
  at::Tensor log_probs;  ///< [n] float32
  at::Tensor entropy;    ///< [n] float32 in nats
};

namespace detail {

struct LinearLogProbsFunction : torch::autograd::Function<LinearLogProbsFunction> {
  static TensorList forward(AutogradContext* ctx, const at::Tensor& hidden, const at::Tensor& head,
                            const at::Tensor& targets, double temperature, std::int64_t kept_bytes);
  static TensorList backward(AutogradContext* ctx, TensorList grad);
};

}  // namespace detail

/// @param hidden       [n, D] float32, bfloat16 or float16, after the final norm
/// @param head         [V, D], of the same type
/// @param targets      [n] int64, in [0, V), which a GPU does not check; a negative one: the row is ignored,
///                     its results are 0
/// @param temperature  > 0
/// @param kept_bytes   most memory for logits until the backward pass. More is faster, up to a quarter;
///                     in bfloat16 it moves gradients by a sixth of their rounding
/// @throws Error if the tensors do not fit
[[nodiscard]] TokenLogProbs linear_log_probs(const at::Tensor& hidden, const at::Tensor& head,
                                             const at::Tensor& targets, double temperature = 1,
                                             std::int64_t kept_bytes = default_kept_bytes);

struct LinearLogProbsResult {
  TokenLogProbs tokens;
  at::Tensor hidden_gradient, head_gradient;  ///< of the types of hidden and head
};

/// Forward pass, the objective's coefficients, backward pass. Arguments as above.
/// @param coefficients_of  on the CPU it must not call functions of tensors that run kernels: they
///                         would wait for this call for ever. On a GPU it is called before the forward
///                         pass has run, with memory of the device: what it asks for has to be on the
///                         same stream
[[nodiscard]] LinearLogProbsResult linear_log_probs_with_gradient(
    const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets, double temperature,
    const CoefficientsOf& coefficients_of, std::int64_t kept_bytes = default_kept_bytes);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/tensor/linear_log_probs.ipp>
#endif
