// Bodies of host_block.hpp. A fiber is a context of <ucontext.h>.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/macros.hpp>
#include <visplay/core/rng.hpp>
#include <visplay/kernels/cuda/host_block.hpp>
#include <visplay/kernels/cuda/memory_cell.hpp>

#include <ucontext.h>

#include <algorithm>
#include <exception>
#include <map>
#include <numeric>
#include <unordered_map>
#include <utility>
#include <vector>

namespace visplay {

struct SharedRegion {
  int tag;
  std::size_t element;
  std::vector<std::byte> bytes;
  std::vector<MemoryCell> cells;
};

/// Elements of global memory that this run has touched.
using GlobalCells = std::unordered_map<const void*, MemoryCell>;

class HostGrid {
 public:
  HostGrid(int index, int threads, Rng rng, const std::function<void(HostBlock&)>& kernel,
           GlobalCells& global)
      : index(index),
        threads(threads),
        global(global),
        kernel_(kernel),
        rng_(rng),
        fibers_(std::size_t(threads)) {
    for (int t = 0; t < threads; ++t) {
      Fiber& fiber = fibers_[t];
      fiber.stack = std::make_unique_for_overwrite<std::byte[]>(stack_bytes);
      getcontext(&fiber.context);
      fiber.context.uc_stack = {fiber.stack.get(), 0, stack_bytes};
      fiber.context.uc_link = &scheduler_;
      const auto self = reinterpret_cast<std::uintptr_t>(this);
      makecontext(&fiber.context, reinterpret_cast<void (*)()>(&HostGrid::enter), 2,
                  unsigned(self >> 32), unsigned(self));
      ready_.push_back(t);
    }
  }

  void run() {
    for (;;) {
      while (!ready_.empty()) {
        std::swap(ready_[rng_.below(ready_.size())], ready_.back());
        current_ = ready_.back();
        ready_.pop_back();
        swapcontext(&scheduler_, &fibers_[current_].context);
        if (error_) std::rethrow_exception(error_);
        if (fibers_[current_].state == State::in_warp) release_warp(current_ / 32);
      }
      if (count(State::done) == threads) return;
      release_block();
    }
  }

  enum class State { ready, at_barrier, in_warp, done };
  void wait(State state) {
    const int self = current_;
    fibers_[self].state = state;
    swapcontext(&fibers_[self].context, &scheduler_);
  }

  const int index, threads;
  GlobalCells& global;
  std::uint32_t epoch = 1;  // barriers passed, and one
  std::map<std::pair<int, std::size_t>, SharedRegion> regions;

  struct Slots {  // what a thread last put up for its warp; two, so that nobody overtakes a reader
    std::array<std::array<std::byte, HostBlock::largest_shuffle>, 2> value{};
    unsigned turn = 0;
    std::uint32_t warp_epoch = 1;  // sync_warps passed, and one
  };
  Slots& slots(int thread) { return fibers_[thread].slots; }

 private:
  static constexpr std::size_t stack_bytes = 64 * 1024;
  struct Fiber {
    ucontext_t context{};
    std::unique_ptr<std::byte[]> stack;
    State state = State::ready;
    Slots slots;
  };

  static void enter(unsigned high, unsigned low) {
    auto* grid = reinterpret_cast<HostGrid*>(std::uintptr_t(high) << 32 | low);
    grid->start();
  }
  void start() {
    const int self = current_;
    try {
      HostBlock block(*this, self);
      kernel_(block);
    } catch (...) {
      error_ = std::current_exception();
    }
    fibers_[self].state = State::done;
  }

  [[nodiscard]] int count(State state) const {
    return int(std::ranges::count(fibers_, state, &Fiber::state));
  }
  void make_ready(int first, int last) {
    for (int t = first; t < last; ++t) {
      fibers_[t].state = State::ready;
      ready_.push_back(t);
    }
  }
  void release_warp(int warp) {
    const auto begin = fibers_.begin() + warp * 32;
    const auto waits = [](const Fiber& f) { return f.state == State::in_warp; };
    if (std::all_of(begin, begin + 32, waits)) make_ready(warp * 32, warp * 32 + 32);
  }
  void release_block() {
    const int waiting = count(State::at_barrier);
    check(
        waiting == threads,
        "host block: block {}: divergence: {} of {} threads wait at a barrier, {} for their warp, "
        "{} have ended",
        index, waiting, threads, count(State::in_warp), count(State::done));
    ++epoch;
    make_ready(0, threads);
  }

  const std::function<void(HostBlock&)>& kernel_;
  Rng rng_;
  std::vector<Fiber> fibers_;
  std::vector<int> ready_;
  ucontext_t scheduler_{};
  int current_ = 0;
  std::exception_ptr error_;
};

VISPLAY_INLINE int HostBlock::threads() const { return grid_->threads; }
VISPLAY_INLINE int HostBlock::index() const { return grid_->index; }
VISPLAY_INLINE void HostBlock::sync() { grid_->wait(HostGrid::State::at_barrier); }

VISPLAY_INLINE void HostBlock::exchange(const void* from, void* to, std::size_t bytes, int mask) {
  auto& mine = grid_->slots(thread_);
  const unsigned turn = mine.turn++ % 2;
  std::memcpy(mine.value[turn].data(), from, bytes);
  grid_->wait(HostGrid::State::in_warp);
  std::memcpy(to, grid_->slots(thread_ ^ mask).value[turn].data(), bytes);
}

VISPLAY_INLINE void HostBlock::sync_warp() {
  constexpr std::uint64_t token = 0x73796E635F776172;  // a shuffle's partner has something else
  std::uint64_t other = 0;
  exchange(&token, &other, sizeof(token), 1);
  check(other == token,
        "host block: block {}: divergence: thread {} waits for its warp, thread {} shuffles",
        index(), thread_, thread_ ^ 1);
  ++grid_->slots(thread_).warp_epoch;
}

VISPLAY_INLINE SharedRegion& HostBlock::region(int tag, int count, std::size_t element) {
  constexpr std::byte poison{0xCB};
  const auto [at, fresh] = grid_->regions.try_emplace({tag, std::size_t(count) * element});
  if (fresh)
    at->second = {tag, element, std::vector<std::byte>(std::size_t(count) * element, poison),
                  std::vector<MemoryCell>(std::size_t(count))};
  return at->second;
}

VISPLAY_INLINE void HostBlock::check_global(std::size_t i, std::size_t n, std::size_t count,
                                            const char* what) const {
  check(i < count && n <= count - i,
        "host block: block {}, thread {}: out of bounds: {} of element {} of {}", index(), thread_,
        what, i + n - 1, count);
}

VISPLAY_INLINE void HostBlock::check_aligned(const void* at, std::size_t bytes,
                                             const char* what) const {
  check(reinterpret_cast<std::uintptr_t>(at) % bytes == 0,
        "host block: block {}, thread {}: {} of {} bytes that are not aligned", index(), thread_,
        what, bytes);
}

VISPLAY_INLINE Access HostBlock::access() const {
  return {Access::By::thread, index(), thread_, grid_->epoch, grid_->slots(thread_).warp_epoch};
}

VISPLAY_INLINE void HostBlock::touch_global(const void* at, bool writes) const {
  MemoryCell& cell = grid_->global[at];
  const Access* other = cell.touch(access(), writes);
  check(
      other == nullptr,
      "host block: block {}: race: thread {} {} global memory, and nothing puts that behind thread "
      "{} of block {}, which {} it",
      index(), thread_, writes ? "writes" : "reads", other ? other->thread : 0,
      other ? other->block : 0, other == &cell.write ? "wrote" : "read");
}

VISPLAY_INLINE std::byte* HostBlock::touch(SharedRegion& region, int i, bool writes) {
  check(i >= 0 && std::size_t(i) < region.cells.size(),
        "host block: block {}, thread {}: out of bounds: element {} of {} of shared memory {}",
        index(), thread_, i, region.cells.size(), region.tag);
  MemoryCell& cell = region.cells[std::size_t(i)];
  check(writes || cell.write.by != Access::By::nobody,
        "host block: block {}, thread {}: element {} of shared memory {} is read uninitialised",
        index(), thread_, i, region.tag);
  const Access* other = cell.touch(access(), writes);
  check(other == nullptr,
        "host block: block {}: race: thread {} {} element {} of shared memory {} with no barrier "
        "after thread {} {} it",
        index(), thread_, writes ? "writes" : "reads", i, region.tag, other ? other->thread : 0,
        other == &cell.write ? "wrote" : "read");
  return region.bytes.data() + std::size_t(i) * region.element;
}

VISPLAY_INLINE void run_on_host(int blocks, int threads, std::uint64_t seed,
                                const std::function<void(HostBlock&)>& kernel) {
  check(threads >= 32 && threads <= 1024 && threads % 32 == 0,
        "host block: expected whole warps, at most 1024 threads, got {}", threads);
  std::vector<int> order(std::size_t(std::max(blocks, 0)));
  std::iota(order.begin(), order.end(), 0);
  Rng(seed).fork("order").shuffle(order);
  GlobalCells global;
  for (const int b : order)
    HostGrid(b, threads, Rng(seed).fork("block", std::uint64_t(b)), kernel, global).run();
}

}  // namespace visplay
