// check_call: an error of the CUDA runtime as an exception that says which call.
#pragma once

#include <visplay/kernels/cuda/space_stack.hpp>

#include <cuda_runtime_api.h>

namespace visplay::cuda {

inline void check_call(cudaError_t status, const char* call) {
  if (status == cudaSuccess) return;
  (void)cudaGetLastError();  // the error is told here; whoever asks next has made none
  throw_cuda_error(call, cudaGetErrorString(status));
}

}  // namespace visplay::cuda
