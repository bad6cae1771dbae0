// The threads behind ThreadPool. They take a job's blocks off a counter; between jobs they watch the
// gate for some microseconds, so that calls in quick succession need no wake-up, and then sleep.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/parallel.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>

namespace visplay {
namespace detail {

/// Returns when the number is no longer `old`, with what it is then.
VISPLAY_INLINE std::uint32_t wait_until_changed(const std::atomic<std::uint32_t>& number,
                                                std::uint32_t old) {
  constexpr int glances = 200;  // 5 to 15 microseconds
  for (int i = 0; i < glances; ++i) {
    if (const std::uint32_t now = number.load(); now != old) return now;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  number.wait(old);
  return number.load();
}

}  // namespace detail

struct ThreadPool::State {
  // Counts up; odd while a job is open. A thread may work on a job only if it entered (`inside`)
  // before it saw the gate open, and the caller leaves only when the gate is shut and nobody inside:
  // a thread that wakes up late finds the gate shut and is not waited for.
  std::atomic<std::uint32_t> gate = 0;
  std::atomic<std::uint32_t> inside = 0;
  std::atomic<bool> stop = false, busy = false;

  // The current job. Written while the gate is shut and nobody inside.
  void (*call)(void*, std::size_t) = nullptr;
  void* body = nullptr;
  std::size_t count = 0;
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;  // of the error
  std::exception_ptr error;
  std::size_t error_block = 0;

  std::vector<std::thread> threads;

  void work() {
    for (std::size_t block; (block = next.fetch_add(1)) < count;) {
      try {
        call(body, block);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!error || block < error_block) {
          error = std::current_exception();
          error_block = block;
        }
      }
    }
  }

  void loop() {
    for (std::uint32_t seen = 0;;) {
      seen = detail::wait_until_changed(gate, seen);
      if (stop) return;
      if (seen % 2 == 0) continue;
      inside.fetch_add(1);
      if (gate.load() == seen) work();
      if (inside.fetch_sub(1) == 1) inside.notify_one();
    }
  }
};

VISPLAY_INLINE ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  check(threads >= 1, "thread pool: expected at least 1 thread, got {}", threads);
  for (int i = 1; i < threads; ++i)
    state_->threads.emplace_back([state = state_.get()] { state->loop(); });
}

VISPLAY_INLINE ThreadPool::~ThreadPool() {
  state_->stop = true;
  state_->gate.fetch_add(2);
  state_->gate.notify_all();
  for (std::thread& thread : state_->threads) thread.join();
}

VISPLAY_INLINE int ThreadPool::threads() const { return int(state_->threads.size()) + 1; }

VISPLAY_INLINE void ThreadPool::run(std::size_t count, void (*call)(void*, std::size_t),
                                    void* body) {
  State& s = *state_;
  if (s.threads.empty() || count <= 1 || s.busy.exchange(true)) {
    std::exception_ptr first;
    for (std::size_t block = 0; block < count; ++block) {
      try {
        call(body, block);
      } catch (...) {
        if (!first) first = std::current_exception();
      }
    }
    if (first) std::rethrow_exception(first);
    return;
  }
  s.call = call;
  s.body = body;
  s.count = count;
  s.next = 0;
  s.gate.fetch_add(1);
  s.gate.notify_all();
  s.work();
  s.gate.fetch_add(1);
  for (std::uint32_t others = s.inside; others != 0;)
    others = detail::wait_until_changed(s.inside, others);
  const std::exception_ptr first = std::exchange(s.error, nullptr);
  s.busy = false;
  if (first) std::rethrow_exception(first);
}

}  // namespace visplay
