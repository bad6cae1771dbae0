// Executor: who runs kernels and products of matrices for a driver (linear_log_probs_driver.hpp,
// objective_driver.hpp), and Area, which lays out a driver's work space. device_executor.hpp is the
// GPU's, host_executor.hpp the one that tests run the same drivers with.
#pragma once

#include <visplay/kernels/cuda/adamw_kernel.hpp>
#include <visplay/kernels/cuda/product_factor.hpp>
#include <visplay/kernels/float_matrix.hpp>
#include <visplay/kernels/matrix_product.hpp>

#include <cstddef>
#include <span>

namespace visplay::cuda {

/// What is asked for is done in order, and may still be running when the call returns.
template <class E>
concept Executor = requires(E& executor, const NormKernel& kernel, const ProductOperand& operand,
                            const MutableFloatMatrix& out, const ProductFactor* factor) {
  /// Kernel::threads threads in each block; none: nothing.
  executor.run(std::size_t(1), kernel);
  /// out[i][j] = sum_k left(i, k) right(j, k), added to what is there if `adds`; sums in float32.
  /// Operands are of one type, out float32 or of theirs. The product is multiplied by the factor; null: 1.
  executor.product(operand, operand, out, /*adds=*/true, factor);
  executor.clear(out);  // zeros
};

/// Takes pieces of work space, each at a multiple of 256 bytes. Without data it only counts.
class Area {
 public:
  explicit Area(std::byte* data = nullptr) : data_(data) {}

  template <class T>
  GlobalView<T> take(std::size_t count) {
    std::byte* const at = data_ ? data_ + bytes_ : nullptr;
    bytes_ += (count * sizeof(T) + 255) / 256 * 256;
    return {reinterpret_cast<T*>(at), count};
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  std::byte* data_;
  std::size_t bytes_ = 0;
};

template <class T>
GlobalView<T> view_of(std::span<T> span) {
  return {span.data(), span.size()};
}
template <class T>
GlobalView<const T> as_const(const GlobalView<T>& view) {
  return {view.data, view.count};
}

}  // namespace visplay::cuda
