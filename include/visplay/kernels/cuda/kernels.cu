// The kernels of kernels/cuda as a GPU runs them: nvcc compiles this file, with neither libtorch nor
// fmt's formatting in it. tests/kernels/check_cuda.py holds the registers that each takes.
#include <visplay/kernels/cuda/adamw_kernel.hpp>
#include <visplay/kernels/cuda/device_block.cuh>
#include <visplay/kernels/cuda/group_kernel.hpp>
#include <visplay/kernels/cuda/log_probs_kernel.hpp>
#include <visplay/kernels/cuda/objective_kernel.hpp>
#include <visplay/loss/kl.hpp>

namespace visplay {

static_assert(Block<DeviceBlock>);

#define VISPLAY_KERNEL(threads) extern "C" __global__ void __launch_bounds__(threads)

VISPLAY_KERNEL(256) visplay_objective(TokenObjective<ClippedSurrogate, K3> objective,
                                      ObjectiveArguments a) {
  DeviceBlock block;
  objective_kernel(block, objective, a);
}
VISPLAY_KERNEL(512) visplay_log_probs(LogProbArguments<const float> a) {
  DeviceBlock block;
  log_probs_kernel(block, a);
}
VISPLAY_KERNEL(512) visplay_log_probs_bfloat16(LogProbArguments<const BFloat16> a) {
  DeviceBlock block;
  log_probs_kernel(block, a);
}
VISPLAY_KERNEL(512) visplay_log_probs_backward(LogProbArguments<float> a) {
  DeviceBlock block;
  log_probs_backward_kernel(block, a);
}
VISPLAY_KERNEL(512) visplay_log_probs_backward_bfloat16(LogProbArguments<BFloat16> a) {
  DeviceBlock block;
  log_probs_backward_kernel(block, a);
}
VISPLAY_KERNEL(256) visplay_squares(GlobalView<const float> gradients, GlobalView<double> sums) {
  DeviceBlock block;
  squares_kernel(block, gradients, sums);
}
VISPLAY_KERNEL(256) visplay_squares_bfloat16(GlobalView<const BFloat16> gradients,
                                             GlobalView<double> sums) {
  DeviceBlock block;
  squares_kernel(block, gradients, sums);
}
VISPLAY_KERNEL(256) visplay_adamw(adamw_detail::AdamWFactors f, AdamWArguments a) {
  DeviceBlock block;
  adamw_kernel(block, f, a);
}
VISPLAY_KERNEL(128) visplay_compact_adamw(adamw_detail::AdamWFactors f, CompactAdamWArguments a) {
  DeviceBlock block;
  compact_adamw_kernel(block, f, a);
}
VISPLAY_KERNEL(128) visplay_group_advantage(GlobalView<const float> rewards,
                                            GlobalView<const std::int64_t> offsets, double epsilon,
                                            GlobalView<float> advantages) {
  DeviceBlock block;
  group_advantage_kernel(block, rewards, offsets, epsilon, advantages);
}
VISPLAY_KERNEL(256) visplay_masked_sum(GlobalView<const float> values,
                                       GlobalView<const float> mask,
                                       GlobalView<const std::int64_t> offsets,
                                       GlobalView<MaskedSum> sums) {
  DeviceBlock block;
  masked_sum_kernel(block, values, mask, offsets, sums);
}

}  // namespace visplay
