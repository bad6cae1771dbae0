// The threads behind ThreadPool: they sleep until a job comes, then take its blocks off a counter.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/parallel.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>

namespace visplay {

struct ThreadPool::State {
  std::mutex mutex;
  std::condition_variable wake, done;
  std::uint64_t job = 0;  // counts up; a thread that sees a new number joins in
  int working = 0;        // threads that have not finished the current job
  bool stop = false;
  std::atomic<bool> busy = false;

  // The current job. Written while every thread sleeps.
  void (*call)(void*, std::size_t) = nullptr;
  void* body = nullptr;
  std::size_t count = 0;
  std::atomic<std::size_t> next = 0;
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
    std::uint64_t seen = 0;
    for (std::unique_lock lock(mutex);;) {
      wake.wait(lock, [&] { return stop || job != seen; });
      if (stop) return;
      seen = job;
      lock.unlock();
      work();
      lock.lock();
      if (--working == 0) done.notify_one();
    }
  }
};

VISPLAY_INLINE ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  check(threads >= 1, "thread pool: expected at least 1 thread, got {}", threads);
  for (int i = 1; i < threads; ++i)
    state_->threads.emplace_back([state = state_.get()] { state->loop(); });
}

VISPLAY_INLINE ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->wake.notify_all();
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
  {
    const std::lock_guard lock(s.mutex);
    s.call = call;
    s.body = body;
    s.count = count;
    s.next = 0;
    s.working = int(s.threads.size());
    ++s.job;
  }
  s.wake.notify_all();
  s.work();
  std::exception_ptr first;
  {
    std::unique_lock lock(s.mutex);
    s.done.wait(lock, [&] { return s.working == 0; });
    first = std::exchange(s.error, nullptr);
  }
  s.busy = false;
  if (first) std::rethrow_exception(first);
}

}  // namespace visplay
