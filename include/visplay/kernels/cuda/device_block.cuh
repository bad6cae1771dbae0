// DeviceBlock: Block on a GPU. No cost over plain CUDA.
#pragma once

#include <visplay/kernels/cuda/block.hpp>

namespace visplay {

template <class T>
struct DeviceShared {
  T* data;
  __device__ T read(int i) const { return data[i]; }
  __device__ void write(int i, const T& x) const { data[i] = x; }
};

class DeviceBlock {
 public:
  __device__ int thread() const { return int(threadIdx.x); }
  __device__ int threads() const { return int(blockDim.x); }
  __device__ int index() const { return int(blockIdx.x); }
  __device__ void sync() { __syncthreads(); }

  template <class T>
  __device__ T shuffle_xor(const T& x, int mask) {
    constexpr int words = sizeof(T) / 4;
    unsigned from[words], to[words];
    memcpy(from, &x, sizeof(T));
    for (int i = 0; i < words; ++i) to[i] = __shfl_xor_sync(0xFFFFFFFFu, from[i], mask);
    T other;
    memcpy(&other, to, sizeof(T));
    return other;
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
};

}  // namespace visplay
