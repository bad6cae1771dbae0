// visplay::cuda on the host: bodies of Stream, launch and product by the host executor, in place of
// stream.cu and kernels.cu, so that tests run the launchers as a GPU would. For one unit of a program.
#pragma once

#include <visplay/kernels/cuda/device_executor.hpp>
#include <visplay/kernels/cuda/host_executor.hpp>
#include <visplay/kernels/cuda/space_stack.hpp>
#include <visplay/kernels/cuda/stream.hpp>

#include <cstddef>
#include <cstring>
#include <new>

namespace visplay::cuda {

struct Stream::State {
  HostExecutor executor{1};
  SpaceStack spaces;

  static constexpr std::align_val_t alignment{256};
  static std::byte* allocate(std::size_t bytes) {
    return static_cast<std::byte*>(::operator new(bytes, alignment));
  }
  static void release(std::byte* memory) { ::operator delete(memory, alignment); }
};

Stream::Stream(void*) : state_(std::make_unique<State>()) {}
Stream::~Stream() { state_->spaces.release_all(&State::release); }
void Stream::use_space(std::span<std::byte> memory) { state_->spaces.use(memory); }
void Stream::synchronize() {}
void* Stream::handle() const { return nullptr; }
void Stream::fetch(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }

Stream::Space::Space(Stream& stream, std::size_t bytes)
    : stream_(&stream),
      data_(stream.state().spaces.take(bytes, &State::allocate, &State::release)),
      bytes_(bytes) {
  if (bytes > 0) std::memset(data_, 0xFF, bytes);  // NaN in every type
}
Stream::Space::~Space() { stream_->state().spaces.give_back(bytes_); }

template <class Kernel>
void launch(const Kernel& kernel, std::size_t blocks, Stream& stream, const char*) {
  stream.state().executor.run(blocks, kernel);
}
void product(const ProductOperand& left, const ProductOperand& right, const MutableFloatMatrix& out,
             bool adds, const ProductFactor* factor, Stream& stream) {
  const Stream::Space space(stream, product_bytes());
  stream.state().executor.product(left, right, out, adds, factor);
}
std::size_t product_bytes() { return 256; }
void clear(const MutableFloatMatrix& out, Stream& stream) { stream.state().executor.clear(out); }

}  // namespace visplay::cuda
