// Kernels for nvcc: what makes a kernel of kernels/cuda callable from code that other compilers see.
//
//   // my_objective.cu
//   #include <visplay/kernels/cuda/launch_kernel.cuh>
//   VISPLAY_CUDA_OBJECTIVE(MyLoss, visplay::K3, visplay::NoCorrection)
//
// With that unit linked, cuda::evaluate (evaluate.hpp) takes Objective<MyLoss>. A loss of whole
// completions takes two lines:
//
//   VISPLAY_CUDA_SEQUENCE_LOSS(MyLoss)  // or GROUP_LOSS
//   VISPLAY_CUDA_COMPLETION_OBJECTIVE(MyLoss, visplay::K3, visplay::NoCorrection)
#pragma once

#include <visplay/kernels/cuda/call.cuh>
#include <visplay/kernels/cuda/device_block.cuh>
#include <visplay/kernels/cuda/device_executor.hpp>
#include <visplay/kernels/cuda/objective_kernel.hpp>
#include <visplay/kernels/cuda/sequence_kernel.hpp>
#include <visplay/loss/group_loss.hpp>
#include <visplay/loss/kl.hpp>

namespace visplay::cuda {

template <class Kernel>
__global__ void __launch_bounds__(Kernel::threads) run_kernel(const Kernel kernel) {
  DeviceBlock<Kernel::threads> block;
  static_assert(Block<DeviceBlock<Kernel::threads>>);
  kernel(block);
}

template <class Kernel>
void launch(const Kernel& kernel, std::size_t blocks, Stream& stream, const char* operation) {
  if (blocks > 0x7FFFFFFF) throw_cuda_error(operation, "more than 2^31 - 1 blocks");
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(unsigned(blocks));
  config.blockDim = dim3(unsigned(Kernel::threads));
  config.stream = static_cast<cudaStream_t>(stream.handle());
  check_call(cudaLaunchKernelEx(&config, run_kernel<Kernel>, kernel), operation);
}

}  // namespace visplay::cuda

#define VISPLAY_CUDA_KERNEL(...)                                                                 \
  template void visplay::cuda::launch<__VA_ARGS__>(const __VA_ARGS__&, std::size_t, Stream&, \
                                                   const char*);

// The kernels of an objective over a token loss.
#define VISPLAY_CUDA_OBJECTIVE(Loss, Kl, Correction) \
  VISPLAY_CUDA_KERNEL(visplay::ObjectiveKernel<visplay::DeviceObjective<Loss, Kl, Correction>>)
// Those over a loss of whole completions, which itself is named once, whatever its objectives.
#define VISPLAY_CUDA_COMPLETION_OBJECTIVE(Loss, Kl, Correction) \
  VISPLAY_CUDA_OBJECTIVE(Loss, Kl, Correction)                  \
  VISPLAY_CUDA_KERNEL(visplay::CompletionSumsKernel<visplay::DeviceObjective<Loss, Kl, Correction>>)
#define VISPLAY_CUDA_SEQUENCE_LOSS(Loss) VISPLAY_CUDA_KERNEL(visplay::SequenceLossKernel<Loss>)
#define VISPLAY_CUDA_GROUP_LOSS(Loss) VISPLAY_CUDA_KERNEL(visplay::GroupLossKernel<Loss>)
