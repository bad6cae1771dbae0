// What functions of tensors need to call a kernel: its threads, memory, and matrices in its terms.
#pragma once

#include <visplay/core/huge_buffer.hpp>
#include <visplay/core/parallel.hpp>
#include <visplay/kernels/float_matrix.hpp>
#include <visplay/tensor/compat.hpp>
#include <visplay/tensor/cuda_call.hpp>

#include <algorithm>
#include <memory>
#include <mutex>

namespace visplay::detail {

/// The kernels' threads, as many as ATen uses. One call at a time: others wait.
class KernelPool {
 public:
  template <class Body>
  static void run(const Body& body) {
    static KernelPool shared;
    const std::lock_guard lock(shared.mutex_);
    const int threads = std::max(1, at::get_num_threads());
    if (!shared.pool_ || shared.pool_->threads() != threads)
      shared.pool_ = std::make_unique<ThreadPool>(threads);
    body(*shared.pool_);
  }

 private:
  std::mutex mutex_;
  std::unique_ptr<ThreadPool> pool_;
};

/// Memory that a forward pass fills for its backward pass. The piece that came back last is lent again:
/// fresh memory is slow.
class LentMemory {
 public:
  /// A tensor of bytes, undefined content.
  static at::Tensor take(std::size_t bytes) {
    static const auto spare = std::make_shared<Spare>();
    std::shared_ptr<HugeBuffer> buffer = spare->swap({});
    if (!buffer) buffer = std::make_shared<HugeBuffer>();
    return at::from_blob(
        buffer->reserve(bytes), {std::int64_t(bytes)},
        [back = spare, buffer](void*) { back->swap(buffer); }, at::kByte);
  }

 private:
  struct Spare {
    std::mutex mutex;
    std::shared_ptr<HugeBuffer> buffer;

    std::shared_ptr<HugeBuffer> swap(std::shared_ptr<HugeBuffer> other) {
      const std::lock_guard lock(mutex);
      std::swap(buffer, other);
      return other;
    }
  };
};

inline FloatType float_type_of(const at::Tensor& t) {
  const at::ScalarType type = t.scalar_type();
  check((t.is_cpu() || is_on_gpu(t)) &&
            (type == at::kFloat || type == at::kBFloat16 || type == at::kHalf),
        "expected a matrix of float32, bfloat16 or float16 where kernels run, got {} on {}",
        c10::toString(type), t.device().str());
  return type == at::kFloat  ? FloatType::float32
         : type == at::kHalf ? FloatType::float16
                             : FloatType::bfloat16;
}

/// A contiguous tensor [rows, columns] as a kernel takes it.
inline FloatMatrix matrix_of(const at::Tensor& t) {
  return {t.const_data_ptr(), float_type_of(t), t.size(0), t.size(1), t.size(1)};
}
inline MutableFloatMatrix mutable_matrix_of(const at::Tensor& t) {
  if (!t.defined()) return {};
  return {t.mutable_data_ptr(), float_type_of(t), t.size(0), t.size(1), t.size(1)};
}

}  // namespace visplay::detail
