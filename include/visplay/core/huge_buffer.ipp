// Bodies of huge_buffer.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/huge_buffer.hpp>

#include <cstdlib>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace visplay {

VISPLAY_INLINE std::byte* HugeBuffer::reserve(std::size_t bytes) {
  constexpr std::size_t page = std::size_t(2) << 20;
  if (bytes <= size_) return data_;
  release();
  const std::size_t size = (bytes + page - 1) / page * page;
  data_ = static_cast<std::byte*>(std::aligned_alloc(page, size));
  check(data_ != nullptr, "working memory: the system has no {} bytes", size);
  size_ = size;
#if defined(__linux__)
  // Whole pages only, or the rest of the last one would take memory too. A hint: nothing is lost where
  // it is refused.
  madvise(data_, bytes / page * page, MADV_HUGEPAGE);
#endif
  return data_;
}

VISPLAY_INLINE void HugeBuffer::release() {
  std::free(data_);
  data_ = nullptr;
  size_ = 0;
}

}  // namespace visplay
