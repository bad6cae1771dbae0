// run_on_host: runs a CUDA kernel on the host, one thread at a time in a random order, and finds what
// compute-sanitizer finds on a GPU, and races in global memory: races and missing barriers, barriers
// that not all threads reach, indices out of bounds, vectors that are not aligned, shared memory that is
// read before it is written.
//
//   run_on_host(blocks, threads, seed, Sum{x, sum});
//
// Each thread is a fiber with a stack of its own; a barrier hands on to another thread. Every cell of
// shared memory knows who touched it since the last barrier, and every element of global memory who did
// in this run, so that a race is found in any order; the order of blocks and threads is random (by seed)
// for what is not seen, such as memory reached by a pointer of the kernel's own. Kernels must not rely on
// destructors: a failed run drops its fibers.
#pragma once

#include <visplay/kernels/cuda/block.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>

namespace visplay {

class HostGrid;  // the block that runs: fibers, shared memory, what happened to it

/// Elements of shared memory, and for each who touched it last.
struct SharedRegion;
struct Access;  // who touches memory, and when

template <class T>
class HostShared;

/// Block on the host, as one of its threads sees it.
class HostBlock {
 public:
  HostBlock(HostGrid& grid, int thread) : grid_(&grid), thread_(thread) {}

  [[nodiscard]] int thread() const { return thread_; }
  [[nodiscard]] int threads() const;
  [[nodiscard]] int index() const;
  void sync();
  void sync_warp();

  template <class T>
  [[nodiscard]] T shuffle_xor(const T& x, int mask) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= largest_shuffle);
    T other;
    exchange(&x, &other, sizeof(T), mask);
    return other;
  }
  template <class T, int count, int tag>
  [[nodiscard]] HostShared<T> shared() {
    static_assert(std::is_trivially_copyable_v<T>);
    return HostShared<T>(*this, region(tag, count, sizeof(T)));
  }
  template <class T>
  [[nodiscard]] std::remove_const_t<T> read(const GlobalView<T>& from, std::size_t i) const {
    check_global(i, 1, from.count, "read");
    touch_global(from.data + i, false);
    return from.data[i];
  }
  template <class T, class U>
  void write(const GlobalView<T>& to, std::size_t i, const U& x) const {
    check_global(i, 1, to.count, "write");
    touch_global(to.data + i, true);
    to.data[i] = x;
  }
  template <int n, class T>
  [[nodiscard]] auto read_vector(const GlobalView<T>& from, std::size_t i) const {
    check_global(i, n, from.count, "read");
    check_aligned(from.data + i, sizeof(T) * n, "read");
    Vector<std::remove_const_t<T>, n> x;
    for (int k = 0; k < n; ++k) {
      touch_global(from.data + i + k, false);
      x.at[k] = from.data[i + std::size_t(k)];
    }
    return x;
  }
  template <class T, int n>
  void write_vector(const GlobalView<T>& to, std::size_t i, const Vector<T, n>& x) const {
    check_global(i, n, to.count, "write");
    check_aligned(to.data + i, sizeof(T) * n, "write");
    for (int k = 0; k < n; ++k) {
      touch_global(to.data + i + k, true);
      to.data[i + std::size_t(k)] = x.at[k];
    }
  }

  static constexpr std::size_t largest_shuffle = 64;  // bytes

 private:
  template <class T>
  friend class HostShared;
  void exchange(const void* from, void* to, std::size_t bytes, int mask);
  SharedRegion& region(int tag, int count, std::size_t element);
  void check_global(std::size_t i, std::size_t n, std::size_t count, const char* what) const;
  void check_aligned(const void* at, std::size_t bytes, const char* what) const;
  [[nodiscard]] Access access() const;
  /// Notes the access. @throws Error if another thread's is a race with it
  void touch_global(const void* at, bool writes) const;
  /// Where element i is; notes the access. @throws Error for a wrong one
  std::byte* touch(SharedRegion& region, int i, bool writes);

  HostGrid* grid_;
  int thread_;
};

template <class T>
class HostShared {
 public:
  HostShared(HostBlock& block, SharedRegion& region) : block_(&block), region_(&region) {}
  [[nodiscard]] T read(int i) const {
    T x;
    std::memcpy(static_cast<void*>(&x), block_->touch(*region_, i, false), sizeof(T));
    return x;
  }
  void write(int i, const T& x) const {
    std::memcpy(block_->touch(*region_, i, true), static_cast<const void*>(&x), sizeof(T));
  }

 private:
  HostBlock* block_;
  SharedRegion* region_;
};

/// Runs `kernel` for each thread of each block, one block after the other in a random order.
/// @param threads  of a block; a multiple of 32, at most 1,024
/// @throws Error that names block, thread and fault; whatever the kernel throws
void run_on_host(int blocks, int threads, std::uint64_t seed,
                 const std::function<void(HostBlock&)>& kernel);

static_assert(Block<HostBlock>);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/kernels/cuda/host_block.ipp>
#endif
