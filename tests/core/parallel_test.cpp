#include <visplay/core/error.hpp>
#include <visplay/core/parallel.hpp>
#include <visplay/core/rng.hpp>

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <functional>
#include <stdexcept>
#include <thread>

using namespace visplay;

TEST_CASE("every item is visited once, for any number of items, threads and any block size") {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    CHECK(pool.threads() == threads);
    for (const std::size_t n : {0u, 1u, 7u, 64u, 1000u})
      for (const std::size_t block : {1u, 7u, 64u, 5000u}) {
        std::vector<int> visits(n);
        parallel_for(pool, n, block, [&](std::size_t begin, std::size_t end) {
          for (std::size_t i = begin; i < end; ++i) ++visits[i];
        });
        CHECK(visits == std::vector<int>(n, 1));
      }
  }
}

TEST_CASE("a sum in floats is the same to the bit for any number of threads") {
  std::vector<float> values(100'003);
  Rng rng(1);
  for (float& v : values) v = float(rng.normal());
  const auto sum = [&](int threads) {
    ThreadPool pool(threads);
    return parallel_reduce<float>(
        pool, values.size(), 1000,
        [&](std::size_t begin, std::size_t end) {
          float part = 0;
          for (std::size_t i = begin; i < end; ++i) part += values[i];
          return part;
        },
        std::plus<>{});
  };
  const float alone = sum(1);
  for (const int threads : {2, 3, 5, 16})
    for (int again = 0; again < 20; ++again) CHECK(sum(threads) == alone);
}

TEST_CASE("parts are merged in their order") {
  ThreadPool pool(4);
  const auto all = parallel_reduce<std::vector<std::size_t>>(
      pool, 100, 9, [](std::size_t begin, std::size_t) { return std::vector{begin}; },
      [](std::vector<std::size_t> a, const std::vector<std::size_t>& b) {
        a.insert(a.end(), b.begin(), b.end());
        return a;
      });
  for (std::size_t i = 0; i < all.size(); ++i) CHECK(all[i] == 9 * i);
}

TEST_CASE("the error of the lowest block is thrown, after all blocks are done") {
  for (const int threads : {1, 4}) {
    ThreadPool pool(threads);
    for (int again = 0; again < 50; ++again) {
      std::atomic<int> done = 0;
      std::string message;
      try {
        pool.run(40, [&](std::size_t block) {
          ++done;
          if (block % 10 == 3) throw std::runtime_error(std::to_string(block));
        });
      } catch (const std::runtime_error& e) {
        message = e.what();
      }
      CHECK(message == "3");
      CHECK(done == 40);
    }
  }
}

TEST_CASE("work inside work, and two callers of one pool, end with the right sums") {
  ThreadPool pool(3);
  const auto count = [&pool] {
    std::atomic<int> n = 0;
    pool.run(20, [&](std::size_t) { pool.run(10, [&](std::size_t) { ++n; }); });
    return n.load();
  };
  int other = 0;
  std::thread second([&] { other = count(); });
  CHECK(count() == 200);
  second.join();
  CHECK(other == 200);
}

TEST_CASE("a pool has at least one thread") { CHECK_THROWS_AS(ThreadPool(0), Error); }
