// MemoryCell: who touched a number in memory, and whether two touches are a race: what the host executor
// of CUDA kernels (host_block.hpp) keeps for every number of shared and global memory.
#pragma once

#include <cstdint>

namespace visplay {

/// The last touch of a cell of memory, for reads and for writes each; it may stand for more than one.
struct Access {
  enum class By { nobody, thread, warp, block, blocks };

  By by = By::nobody;                       ///< who did: one thread, several of a warp, ...
  int block = 0, thread = 0;                ///< the last of them
  std::uint32_t epoch = 0, warp_epoch = 0;  ///< barriers of the block, and of the warp, before it

  [[nodiscard]] int warp() const { return thread / 32; }
  /// Whether nothing puts it before `now`. Blocks are never in step with each other.
  [[nodiscard]] bool races_with(const Access& now) const {
    if (by == By::nobody) return false;
    if (by == By::blocks || block != now.block) return true;
    if (epoch != now.epoch || (by == By::thread && thread == now.thread)) return false;
    return by == By::block || warp() != now.warp() || warp_epoch == now.warp_epoch;
  }
  /// Becomes what stands for both, as far as one is not put before the other.
  void join(const Access& now) {
    By both = By::thread;
    if (races_with(now))
      both = block != now.block ? By::blocks : warp() != now.warp() ? By::block : By::warp;
    if (both != By::thread && both < by) both = by;
    *this = now;
    by = both;
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
