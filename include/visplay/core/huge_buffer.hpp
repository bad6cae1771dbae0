// HugeBuffer: working memory of a kernel, on huge pages, kept between calls.
//
// The kernel hands out fresh memory page by page: 0.9 s a GiB in a virtual machine, three times less
// with pages of 2 MiB, nothing for memory that is used again (docs/kernels.md).
//
//   thread_local HugeBuffer memory;
//   std::byte* at = memory.reserve(8 << 20);   // what it held before is lost if it has to grow
#pragma once

#include <visplay/core/macros.hpp>

#include <cstddef>

namespace visplay {

class HugeBuffer {
 public:
  HugeBuffer() = default;
  ~HugeBuffer() { release(); }
  HugeBuffer(const HugeBuffer&) = delete;
  HugeBuffer& operator=(const HugeBuffer&) = delete;

  /// At least `bytes` bytes, aligned to 2 MiB; undefined content. Grows only.
  /// @throws Error if the system has no such memory
  [[nodiscard]] std::byte* reserve(std::size_t bytes);
  /// Gives the memory back to the system.
  void release();
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/core/huge_buffer.ipp>
#endif
