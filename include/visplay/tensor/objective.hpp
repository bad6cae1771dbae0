// objective_loss: an Objective as a differentiable function of two tensors, the log-probs of the
// policy in training and their entropies. For trainers that keep libtorch's own backward pass.
//
//   const ObjectiveLoss result = objective_loss(presets::trl_dapo(), log_probs, entropy,
//       {.offsets = offsets, .advantages = advantages, .old_log_probs = view_of(old)}, totals, pool);
//   result.loss.backward();
//
// Tensors of a GPU take a cuda::Stream in place of the pool; all that the batch shows is the device's then.
// The gradient is computed together with the value, in one pass (kernels/objective.hpp); backward
// only scales it by what comes from above. It has no second derivative.
#pragma once

#include <visplay/core/parallel.hpp>
#include <visplay/kernels/objective.hpp>
#include <visplay/tensor/cuda_call.hpp>

#include <functional>
#include <optional>
#include <span>
#include <type_traits>

namespace visplay {

struct ObjectiveLoss {
  at::Tensor loss;  ///< a float32 scalar
  ObjectiveReport report;
};

/// The numbers of a contiguous float32 tensor, in place, on its device; none for an undefined one.
/// @throws Error for any other tensor
[[nodiscard]] std::span<const float> view_of(const at::Tensor& tensor);

namespace detail {

/// The objective over all but the two tensors; the gradient it is given says what is wanted.
using EvaluateTensors = std::function<ObjectiveReport(
    std::span<const float> log_probs, std::span<const float> entropy, const ObjectiveGradient&)>;

struct ObjectiveFunction : torch::autograd::Function<ObjectiveFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& log_probs,
                            const std::optional<at::Tensor>& entropy,
                            const EvaluateTensors& evaluate, bool differentiate,
                            ObjectiveReport* report);
  static TensorList backward(AutogradContext* ctx, TensorList grad);
};

[[nodiscard]] ObjectiveLoss objective_loss(const at::Tensor& log_probs, const at::Tensor& entropy,
                                           const EvaluateTensors& evaluate);

/// Throws unless both, where they are defined, are a GPU's or both the CPU's.
void check_device(const at::Tensor& log_probs, const at::Tensor& entropy, bool is_stream);

}  // namespace detail

/// @param log_probs  [N] float32, contiguous
/// @param entropy    [N] float32 in nats, or undefined: 0
/// @param batch      all the rest; its log_probs and entropy are not read
/// @param totals     of the whole optimiser batch, of which this may be a part
/// @param where      a ThreadPool, or with VISPLAY_CUDA a cuda::Stream of libtorch's current stream, for which
///                   the call waits
/// @throws Error as evaluate does, or if a tensor is not contiguous and float32 where the kernels run
template <PolicyLoss Loss, TokenLoss Kl, TokenCorrection Correction, class Where>
[[nodiscard]] ObjectiveLoss objective_loss(const Objective<Loss, Kl, Correction>& objective,
                                           const at::Tensor& log_probs, const at::Tensor& entropy,
                                           TokenBatch batch, const BatchTotals& totals,
                                           Where& where) {
  detail::check_device(log_probs, entropy, !std::is_same_v<Where, ThreadPool>);
  return detail::objective_loss(
      log_probs, entropy,
      [&](std::span<const float> log_prob_values, std::span<const float> entropies,
          const ObjectiveGradient& gradient) {
        batch.log_probs = log_prob_values;
        batch.entropy = entropies;
        return evaluate(objective, batch, totals, gradient, where);
      });
}

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/tensor/objective.ipp>
#endif
