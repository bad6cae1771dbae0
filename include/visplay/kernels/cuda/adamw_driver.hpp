// AdamW on CUDA: the norm over all tensors, then a step of each, many tensors a launch, on any Executor. The
// norm stays on the device; a norm that is not finite changes nothing. Work space: 8 bytes for 4,096 elements.
#pragma once

#include <visplay/kernels/adamw.hpp>
#include <visplay/kernels/cuda/adamw_kernel.hpp>
#include <visplay/kernels/cuda/batch.hpp>
#include <visplay/kernels/cuda/compact_adamw_kernel.hpp>
#include <visplay/kernels/cuda/executor.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace visplay::cuda {

/// As CompactAdamWTensor, of memory of the device.
struct CompactAdamWTensor {
  std::span<BFloat16> weights;                                ///< [n]
  std::span<const BFloat16> gradients;                        ///< [n], or empty: zero
  std::span<std::uint8_t> first, second;                      ///< [n], zero before step 1
  std::span<std::uint8_t> first_exponents, second_exponents;  ///< [CompactMoments::blocks(n)]
  float weight_decay = 0;
};

namespace adamw_driver_detail {

inline AdamWKernel kernel_of(const AdamWTensor& t, std::size_t, const AdamWStep& step,
                             const GradientClip& clip) {
  return {.factors = adamw_detail::factors_of(step, t.weight_decay),
          .clip = clip,
          .weights = view_of(t.weights),
          .gradients = view_of(t.gradients),
          .first = view_of(t.first),
          .second = view_of(t.second)};
}

inline CompactAdamWKernel kernel_of(const CompactAdamWTensor& t, std::size_t index,
                                    const AdamWStep& step, const GradientClip& clip) {
  return {.factors = adamw_detail::factors_of(step, t.weight_decay),
          .clip = clip,
          .weights = view_of(t.weights),
          .gradients = view_of(t.gradients),
          .first = view_of(t.first),
          .second = view_of(t.second),
          .first_exponents = view_of(t.first_exponents),
          .second_exponents = view_of(t.second_exponents),
          .stream = {std::uint32_t(index), std::uint32_t(step.step)},
          .key = step.key};
}

}  // namespace adamw_driver_detail

/// Partial sums of squares that gradient_norm makes.
template <class Tensor>
std::size_t norm_parts(std::span<const Tensor> tensors) {
  std::size_t parts = 0;
  for (const Tensor& t : tensors) parts += blocks_for(t.gradients.size(), adamw_block_elements);
  return parts;
}

/// @param parts  [norm_parts], work space
/// @param norm   [1]
template <Executor E, class Tensor>
void gradient_norm(E& executor, std::span<const Tensor> tensors, const GlobalView<double>& parts,
                   const GlobalView<double>& norm) {
  std::size_t first = 0;
  run_batches(executor, tensors.size(), [&](std::size_t i) {
    const auto gradients = view_of(tensors[i].gradients);
    using Number = std::remove_const_t<std::remove_pointer_t<decltype(gradients.data)>>;
    const std::size_t blocks = blocks_for(gradients.count, adamw_block_elements);
    const SquaresKernel<Number> kernel{gradients, {parts.data + first, blocks}};
    first += blocks;
    return kernel;
  });
  executor.run(1, NormKernel{as_const(parts), norm});
}

/// @param parts, norm  as above; norm becomes that before clipping. No parts if the step has its norm
template <Executor E, class Tensor>
void adamw_step(E& executor, std::span<const Tensor> tensors, const AdamWStep& settings,
                const GlobalView<double>& parts, const GlobalView<double>& norm) {
  if (settings.grad_norm)
    executor.run(1, NormKernel{{}, norm, *settings.grad_norm});
  else
    gradient_norm(executor, tensors, parts, norm);
  const GradientClip clip{as_const(norm), settings.max_grad_norm};
  run_batches(executor, tensors.size(), [&](std::size_t i) {
    return adamw_driver_detail::kernel_of(tensors[i], i, settings, clip);
  });
}

}  // namespace visplay::cuda
