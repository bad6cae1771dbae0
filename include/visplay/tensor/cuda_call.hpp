// What functions of tensors need to call a launcher of visplay::cuda. With VISPLAY_CUDA, which CMake sets where
// visplay::cuda was built; without it no tensor is on a GPU that visplay knows.
#pragma once

#include <visplay/tensor/compat.hpp>

#ifdef VISPLAY_CUDA
#include <visplay/kernels/cuda/evaluate.hpp>
#include <visplay/kernels/cuda/launch.hpp>

#include <c10/core/DeviceGuard.h>
#include <c10/core/Stream.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

// Of libtorch's devices. Tests have one that keeps its tensors on the host.
#ifndef VISPLAY_CUDA_DEVICE
#define VISPLAY_CUDA_DEVICE at::kCUDA
#endif
#endif

namespace visplay {

#ifdef VISPLAY_CUDA
/// libtorch's stream that this thread's work for the device goes to, for cuda::Stream.
inline void* current_stream(const at::Device& device) {
  return c10::impl::VirtualGuardImpl(device.type()).getStream(device).native_handle();
}
#endif

namespace detail {

#ifdef VISPLAY_CUDA

inline bool is_on_gpu(const at::Tensor& t) { return t.device().type() == VISPLAY_CUDA_DEVICE; }

/// libtorch's streams as visplay::cuda takes them.
class GpuStreams {
 public:
  /// body(stream), on the stream that this thread's work for the device goes to. Nothing is locked meanwhile.
  /// @param bytes  of work space, which comes from libtorch's memory
  template <class Body>
  static void run(const at::Device& device, std::size_t bytes, const Body& body) {
    static GpuStreams& shared = *new GpuStreams;  // for ever: when programs end CUDA goes first
    const c10::DeviceGuard guard(device);
    const c10::Stream theirs = c10::impl::VirtualGuardImpl(device.type()).getStream(device);
    const at::Tensor space =
        at::empty({std::int64_t(bytes)}, at::TensorOptions(device).dtype(at::kByte));
    const Key key(theirs.device_index(), theirs.id());
    std::unique_ptr<cuda::Stream> ours = shared.take(key);
    if (!ours) ours = std::make_unique<cuda::Stream>(theirs.native_handle());
    ours->use_space({static_cast<std::byte*>(space.mutable_data_ptr()), bytes});
    body(*ours);
    shared.give_back(key, std::move(ours));
  }

 private:
  using Key = std::pair<c10::DeviceIndex, c10::StreamId>;

  std::unique_ptr<cuda::Stream> take(const Key& key) {
    const std::lock_guard lock(mutex_);
    auto& idle = idle_[key];
    if (idle.empty()) return {};
    auto stream = std::move(idle.back());
    idle.pop_back();
    return stream;
  }
  void give_back(const Key& key, std::unique_ptr<cuda::Stream> stream) {
    const std::lock_guard lock(mutex_);
    idle_[key].push_back(std::move(stream));
  }

  std::mutex mutex_;
  std::map<Key, std::vector<std::unique_ptr<cuda::Stream>>> idle_;
};

#else

constexpr bool is_on_gpu(const at::Tensor&) { return false; }

#endif

}  // namespace detail
}  // namespace visplay
