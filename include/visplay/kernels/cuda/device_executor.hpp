// DeviceExecutor: the Executor of a GPU. Kernels are launched by way of `launch`, which nvcc compiles
// (launch_kernel.cuh) for those named in kernels.cu or in a file of one's own; products are cuBLASLt's.
#pragma once

#include <visplay/kernels/cuda/executor.hpp>
#include <visplay/kernels/cuda/stream.hpp>

#include <cstddef>

namespace visplay::cuda {

/// Defined in launch_kernel.cuh. @param operation  what an error names @throws Error
template <class Kernel>
void launch(const Kernel& kernel, std::size_t blocks, Stream& stream, const char* operation);

/// Work space of a product, beside its driver's.
[[nodiscard]] std::size_t product_bytes();
/// As Executor says. @throws Error if cuBLASLt has no way to do it, or fails
void product(const ProductOperand& left, const ProductOperand& right, const MutableFloatMatrix& out,
             bool adds, const ProductFactor* factor, Stream& stream);
void clear(const MutableFloatMatrix& out, Stream& stream);

class DeviceExecutor {
 public:
  /// @param operation  for errors
  DeviceExecutor(Stream& stream, const char* operation) : stream_(&stream), operation_(operation) {}

  template <class Kernel>
  void run(std::size_t blocks, const Kernel& kernel) {
    if (blocks > 0) launch(kernel, blocks, *stream_, operation_);
  }
  void product(const ProductOperand& left, const ProductOperand& right,
               const MutableFloatMatrix& out, bool adds, const ProductFactor* factor = nullptr) {
    if (out.rows > 0 && out.columns > 0) cuda::product(left, right, out, adds, factor, *stream_);
  }
  void clear(const MutableFloatMatrix& out) {
    if (out.rows > 0 && out.columns > 0) cuda::clear(out, *stream_);
  }

 private:
  Stream* stream_;
  const char* operation_;
};
static_assert(Executor<DeviceExecutor>);

}  // namespace visplay::cuda
