// check_call: an error of the CUDA runtime as an exception that says which call.
#pragma once

#include <cuda_runtime_api.h>

namespace visplay::cuda {

/// Throws Error "cuda: <call>: <reason>". (launch.cpp: no fmt where nvcc compiles.)
[[noreturn]] void throw_cuda_error(const char* call, const char* reason);

inline void check_call(cudaError_t status, const char* call) {
  if (status != cudaSuccess) throw_cuda_error(call, cudaGetErrorString(status));
}

}  // namespace visplay::cuda
