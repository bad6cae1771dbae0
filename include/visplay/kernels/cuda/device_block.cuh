// DeviceBlock: Block on a GPU. No cost over plain CUDA; reductions are CUB's.
#pragma once

#include <visplay/kernels/cuda/block.hpp>

#include <cub/block/block_reduce.cuh>

#include <cstddef>
#include <cstring>
#include <type_traits>

namespace visplay {

template <class T>
struct DeviceShared {
  T* data;
  __device__ T read(int i) const { return data[i]; }
  __device__ void write(int i, const T& x) const { data[i] = x; }
};

/// @tparam block_threads  of a block, a multiple of 32
template <int block_threads>
class DeviceBlock {
 public:
  __device__ int thread() const { return int(threadIdx.x); }
  __device__ int threads() const { return block_threads; }
  __device__ int index() const { return int(blockIdx.x); }
  __device__ void sync() { __syncthreads(); }
  __device__ void sync_warp() { __syncwarp(); }

  template <class T>
  __device__ T shuffle_xor(const T& x, int mask) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 4 == 0);
    constexpr int words = sizeof(T) / 4;
    unsigned from[words], to[words];
    memcpy(from, &x, sizeof(T));
    for (int i = 0; i < words; ++i) to[i] = __shfl_xor_sync(0xFFFFFFFFu, from[i], mask);
    T other;
    memcpy(&other, to, sizeof(T));
    return other;
  }
  /// What block_reduce says.
  template <int tag, class T, class Merge>
  __device__ T reduce(const T& x, const Merge& merge) {
    using Reduce = cub::BlockReduce<T, block_threads, cub::BLOCK_REDUCE_WARP_REDUCTIONS>;
    __shared__ typename Reduce::TempStorage storage;
    const T sum = Reduce(storage).Reduce(x, merge);  // for thread 0 alone
    const auto all = shared<T, 1, -1 - tag>();
    if (thread() == 0) all.write(0, sum);
    sync();
    const T result = all.read(0);
    sync();  // before the next reduction writes
    return result;
  }
  template <class T, int count, int tag>
  __device__ DeviceShared<T> shared() {
    __shared__ alignas(T) unsigned char bytes[count * sizeof(T)];
    return {reinterpret_cast<T*>(bytes)};
  }

  template <class T>
  __device__ std::remove_const_t<T> read(const GlobalView<T>& from, std::size_t i) const {
    return from.data[i];
  }
  template <class T, class U>
  __device__ void write(const GlobalView<T>& to, std::size_t i, const U& x) const {
    to.data[i] = x;
  }
  template <int n, class T>
  __device__ Vector<std::remove_const_t<T>, n> read_vector(const GlobalView<T>& from,
                                                           std::size_t i) const {
    const auto word = *reinterpret_cast<const Word<sizeof(T) * n>*>(from.data + i);
    Vector<std::remove_const_t<T>, n> x;
    memcpy(&x, &word, sizeof(x));
    return x;
  }
  template <class T, int n>
  __device__ void write_vector(const GlobalView<T>& to, std::size_t i,
                               const Vector<T, n>& x) const {
    Word<sizeof(T) * n> word;
    memcpy(&word, &x, sizeof(x));
    *reinterpret_cast<Word<sizeof(T) * n>*>(to.data + i) = word;
  }

 private:
  /// What one instruction loads or stores.
  template <int bytes>
  requires(bytes == 4 || bytes == 8 || bytes == 16)
  using Word =
      std::conditional_t<bytes == 16, uint4, std::conditional_t<bytes == 8, uint2, unsigned>>;
};

}  // namespace visplay
