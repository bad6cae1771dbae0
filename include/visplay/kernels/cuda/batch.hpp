// Batch: kernels of one kind in one launch. A model has hundreds of small tensors, and each launch costs
// microseconds, whatever there is to do.
#pragma once

#include <visplay/kernels/cuda/block.hpp>
#include <visplay/kernels/cuda/executor.hpp>

#include <cstddef>
#include <cstdint>

namespace visplay::cuda {

/// A block of a batch, as its own kernel sees it.
template <Block B>
class BatchBlock : public B {
 public:
  VISPLAY_DEVICE BatchBlock(const B& block, int first) : B(block), first_(first) {}
  [[nodiscard]] VISPLAY_DEVICE int index() const { return B::index() - first_; }

 private:
  int first_;
};

/// As many as a launch's arguments hold, which are 4 KiB on any GPU.
template <class Kernel>
class Batch {
 public:
  static constexpr int threads = Kernel::threads;
  static constexpr int capacity = int(4000 / (sizeof(Kernel) + sizeof(std::int64_t)));

  [[nodiscard]] bool has_room_for(std::size_t blocks) const {
    constexpr std::int64_t most = 0x7FFFFFFF;  // blocks of a launch
    return count_ == 0 || (count_ < capacity && this->blocks() + std::int64_t(blocks) <= most);
  }
  void add(const Kernel& kernel) {
    ends_[count_] = blocks() + std::int64_t(kernel.blocks());
    kernels_[count_++] = kernel;
  }
  [[nodiscard]] std::int64_t blocks() const { return count_ > 0 ? ends_[count_ - 1] : 0; }

  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    int k = 0;
    while (block.index() >= ends_[k]) ++k;
    BatchBlock<B> own(block, k > 0 ? int(ends_[k - 1]) : 0);
    kernels_[k](own);
  }

 private:
  Kernel kernels_[capacity];
  std::int64_t ends_[capacity] = {};  // the first block that is not theirs
  int count_ = 0;
};

/// kernel_of(i) for i in [0, n), in as few launches as hold them.
template <Executor E, class KernelOf>
void run_batches(E& executor, std::size_t n, const KernelOf& kernel_of) {
  Batch<decltype(kernel_of(n))> batch;
  for (std::size_t i = 0; i < n; ++i) {
    const auto kernel = kernel_of(i);
    if (!batch.has_room_for(kernel.blocks())) {
      executor.run(std::size_t(batch.blocks()), batch);
      batch = {};
    }
    batch.add(kernel);
  }
  executor.run(std::size_t(batch.blocks()), batch);
}

}  // namespace visplay::cuda
