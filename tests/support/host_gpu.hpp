// A device of libtorch whose memory is the host's, so that tests hold GPU tensors without a GPU: the tensors of
// at::kPrivateUse1. Operators run on the CPU. With support/host_stream.hpp and VISPLAY_CUDA_DEVICE
// functions of tensors take the paths of a GPU. For one unit of a program.
#pragma once

#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <c10/core/DeviceType.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <cstddef>
#include <new>
#include <optional>

namespace visplay::testing::host_gpu {

inline const at::Device device(at::kPrivateUse1, 0);

/// One device with one stream.
struct Guard final : c10::impl::NoOpDeviceGuardImpl<c10::DeviceType::PrivateUse1> {
  at::Device exchangeDevice(at::Device) const override { return device; }
  at::Device getDevice() const override { return device; }
  c10::Stream getStream(at::Device) const noexcept override {
    return c10::Stream(c10::Stream::DEFAULT, device);
  }
  c10::Stream exchangeStream(c10::Stream) const noexcept override { return getStream(device); }
  void* getStreamNativeHandle(const c10::Stream) const override { return nullptr; }
};
C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard)

/// As aligned as a GPU's.
struct Memory final : c10::Allocator {
  static constexpr std::align_val_t alignment{256};
  static void release(void* memory) { ::operator delete(memory, alignment); }

  at::DataPtr allocate(std::size_t bytes) override {
    void* const memory = ::operator new(bytes, alignment);
    return {memory, memory, &release, device};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, std::size_t count) const override {
    default_copy_data(to, from, count);
  }
};
inline Memory memory;

/// The same numbers as a tensor of the CPU.
inline at::Tensor on_cpu(const at::Tensor& t) {
  return t.is_cpu() ? t
                    : at::from_blob(t.mutable_data_ptr(), t.sizes(), t.strides(),
                                    t.options().device(at::kCPU));
}

inline at::Tensor empty(at::IntArrayRef sizes, std::optional<at::ScalarType> type,
                        std::optional<at::Layout>, std::optional<at::Device>, std::optional<bool>,
                        std::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(sizes, &memory,
                                   c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                   type.value_or(at::kFloat), format);
}
inline at::Tensor empty_strided(at::IntArrayRef sizes, at::IntArrayRef strides,
                                std::optional<at::ScalarType> type, std::optional<at::Layout>,
                                std::optional<at::Device>, std::optional<bool>) {
  return at::detail::empty_strided_generic(sizes, strides, &memory,
                                           c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                           type.value_or(at::kFloat));
}
inline at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool) {
  on_cpu(to).copy_(on_cpu(from));
  return to;
}

inline at::Tensor copy_result(const at::Tensor& from, const at::Tensor& to) {
  return copy_from(from, to, false);  // of the same size in all that tests ask for
}

/// Autograd asks an accelerator for streams.
struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(at::DeviceIndex) const override { return true; }
};
inline const bool is_registered = [] {
  static Hooks hooks;
  at::RegisterPrivateUse1HooksInterface(&hooks);
  c10::register_privateuse1_backend("host_gpu");
  return true;
}();

TORCH_LIBRARY_IMPL(aten, PrivateUse1, library) {
  library.impl("empty.memory_format", &empty);
  library.impl("empty_strided", &empty_strided);
  library.impl("_copy_from", &copy_from);
  library.impl("_copy_from_and_resize", &copy_result);
  library.impl("as_strided", &at::native::as_strided_tensorimpl);
  library.impl("view", &at::native::view);
}
inline void by_cpu(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  at::native::cpu_fallback(op, stack);
}
TORCH_LIBRARY_IMPL(_, PrivateUse1, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&by_cpu>());
}

}  // namespace visplay::testing::host_gpu
