// ThreadPool and parallel_for: the same result for any number of threads.
//
// Work is cut into blocks whose borders depend on the amount of work alone, never on the threads.
// Threads take blocks in any order; what is summed is summed per block and merged in block order.
//
//   ThreadPool pool(4);
//   parallel_for(pool, n, 1024, [&](std::size_t begin, std::size_t end) { ... });
//   double sum = parallel_reduce<double>(pool, n, 1024, sum_of_range, std::plus<>{});
#pragma once

#include <visplay/core/macros.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace visplay {

/// Threads that wait for work between calls. The calling thread is one of them, so a pool of one
/// starts none. Not copyable, not movable; ends its threads when it is destroyed.
class ThreadPool {
 public:
  /// @throws Error if threads < 1
  explicit ThreadPool(int threads = 1);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] int threads() const;

  /// Calls body(block) once for each block below count and returns when all are done. A call from
  /// inside a body, or while another thread uses the pool, does its blocks on its own thread.
  /// @throws what the body threw for the lowest block; all other blocks are done nevertheless
  template <class Body>
  void run(std::size_t count, Body&& body) {
    using Plain = std::remove_reference_t<Body>;
    run(
        count, [](void* self, std::size_t block) { (*static_cast<Plain*>(self))(block); },
        const_cast<void*>(static_cast<const void*>(std::addressof(body))));
  }

 private:
  struct State;
  void run(std::size_t count, void (*call)(void*, std::size_t), void* body);

  std::unique_ptr<State> state_;
};

/// Calls body(begin, end) for consecutive ranges of `block` items (the last may be shorter) that
/// cover 0 ... n; block > 0.
/// @param alone_below  fewer items are done by the calling thread: where waking others costs more
template <class Body>
void parallel_for(ThreadPool& pool, std::size_t n, std::size_t block, Body&& body,
                  std::size_t alone_below = 0) {
  const auto one = [&](std::size_t b) { body(b * block, std::min(n, (b + 1) * block)); };
  const std::size_t blocks = (n + block - 1) / block;
  if (n >= alone_below) return pool.run(blocks, one);
  for (std::size_t b = 0; b < blocks; ++b) one(b);
}

/// merge(... merge(merge(Result{}, first), second) ..., last) over map(begin, end) of the same
/// ranges, in order: rounding does not depend on the threads. `alone_below` as above.
template <class Result, class Map, class Merge>
[[nodiscard]] Result parallel_reduce(ThreadPool& pool, std::size_t n, std::size_t block, Map&& map,
                                     Merge&& merge, std::size_t alone_below = 0) {
  if (n > 0 && n <= block) return merge(Result{}, map(0, n));
  std::vector<Result> parts((n + block - 1) / block);
  const auto keep = [&](std::size_t begin, std::size_t end) {
    parts[begin / block] = map(begin, end);
  };
  parallel_for(pool, n, block, keep, alone_below);
  Result all{};
  for (Result& part : parts) all = merge(std::move(all), std::move(part));
  return all;
}

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/core/parallel.ipp>
#endif
