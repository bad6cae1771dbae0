// HostExecutor: runs a driver of CUDA kernels on the host, kernels by run_on_host and products by the
// plain loop, on work space that is NaN in every type until it is written.
//
//   HostExecutor executor(seed);
//   linear_log_probs(executor, plan, output, space);
#pragma once

#include <visplay/core/bfloat16.hpp>
#include <visplay/core/float16.hpp>
#include <visplay/kernels/cuda/executor.hpp>
#include <visplay/kernels/cuda/host_block.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

namespace visplay::cuda {

class HostExecutor {
 public:
  explicit HostExecutor(std::uint64_t seed) : seed_(seed) {}

  template <class Kernel>
  void run(std::size_t blocks, const Kernel& kernel) {
    run_on_host(int(blocks), Kernel::threads, seed_++, kernel);
  }

  void product(const ProductOperand& left, const ProductOperand& right,
               const MutableFloatMatrix& out, bool adds, const ProductFactor* factor = nullptr) {
    for (std::int64_t i = 0; i < out.rows; ++i)
      for (std::int64_t j = 0; j < out.columns; ++j) {
        double sum = 0;
        for (std::int64_t k = 0; k < left.depth(); ++k) sum += at(left, i, k) * at(right, j, k);
        if (factor) sum *= double(factor->factor);
        set(out, i, j, float(adds ? sum + double(get(out, i, j)) : sum));
      }
  }

  void clear(const MutableFloatMatrix& out) {
    const std::int64_t bytes = bytes_of(out.type);
    for (std::int64_t r = 0; r < out.rows; ++r)
      std::memset(static_cast<std::byte*>(out.data) + r * out.stride * bytes, 0,
                  std::size_t(out.columns * bytes));
  }

  /// Aligned as a GPU's memory is; lives until the next call.
  [[nodiscard]] std::byte* space(std::size_t bytes) {
    constexpr std::byte nan_in_every_type{0xFF};
    memory_.assign(bytes + 256, nan_in_every_type);
    return memory_.data() + (256 - reinterpret_cast<std::uintptr_t>(memory_.data()) % 256);
  }

 private:
  /// use(pointer to element (row, column), of its type).
  template <class Matrix, class Use>
  static auto at_type(const Matrix& m, std::int64_t row, std::int64_t column, const Use& use) {
    using Void = std::remove_pointer_t<decltype(m.data)>;
    const auto as = [&]<class T>(T) {
      using Number = std::conditional_t<std::is_const_v<Void>, const T, T>;
      return use(static_cast<Number*>(m.data) + row * m.stride + column);
    };
    if (m.type == FloatType::float32) return as(0.f);
    return m.type == FloatType::bfloat16 ? as(BFloat16()) : as(Float16());
  }
  template <class Matrix>
  static float get(const Matrix& m, std::int64_t row, std::int64_t column) {
    return at_type(m, row, column, [](const auto* x) { return float(*x); });
  }
  static void set(const MutableFloatMatrix& m, std::int64_t row, std::int64_t column, float x) {
    at_type(m, row, column, [&]<class T>(T* to) { *to = T(x); });
  }
  static double at(const ProductOperand& operand, std::int64_t row, std::int64_t k) {
    return double(operand.turned ? get(operand.matrix, k, row) : get(operand.matrix, row, k));
  }

  std::uint64_t seed_;
  std::vector<std::byte> memory_;
};
static_assert(Executor<HostExecutor>);

}  // namespace visplay::cuda
