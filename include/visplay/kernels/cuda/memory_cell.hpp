// MemoryCell: who touched a number in memory, and whether two touches are a race: what the host executor
// of CUDA kernels (host_block.hpp) keeps for every number of shared and global memory.
#pragma once

#include <cstdint>

namespace visplay {

/// The last touch of a cell of memory, for reads and for writes each.
struct Access {
  int block = -1, thread = -1, warp = -1;   // -1: nobody; -2: several
  std::uint32_t epoch = 0, warp_epoch = 0;  // barriers of the block, and of the warp, before it

  /// Whether nothing puts it before `now`. Blocks are never in step with each other.
  [[nodiscard]] bool races_with(const Access& now) const {
    if (block == -1) return false;
    if (block != now.block) return true;
    if (thread == now.thread || epoch != now.epoch) return false;
    return warp != now.warp || warp_epoch == now.warp_epoch;
  }
  /// Becomes what stands for both, as far as one is not put before the other.
  void join(const Access& now) {
    if (!races_with(now)) {
      *this = now;
    } else if (block != now.block) {
      block = -2;
    } else {
      thread = -2;
      if (warp != now.warp) warp = -2;
    }
  }
};

struct MemoryCell {
  Access write, read;

  /// Notes a touch. @return the one that it races with, or null
  const Access* touch(const Access& now, bool writes) {
    if (write.races_with(now)) return &write;
    if (writes && read.races_with(now)) return &read;
    if (writes)
      write = now;
    else
      read.join(now);
    return nullptr;
  }
};

}  // namespace visplay
