#include <visplay/core/error.hpp>
#include <visplay/kernels/cuda/host_executor.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <array>
#include <cmath>
#include <cstring>
#include <vector>

using namespace visplay;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace {

constexpr int threads = 64;

/// Neighbours swap numbers by way of shared memory; each kind of fault can be put in.
enum class Fault {
  none,
  race,
  missing_barrier,
  divergence,
  early_end,
  shared_bounds,
  global_bounds,
  uninitialised,
  warp_divergence,
  misaligned,
  vector_bounds,
  global_race
};

template <Block B>
void swap_neighbours(B& block, GlobalView<const float> from, GlobalView<float> to, Fault fault) {
  const int t = block.thread();
  const auto shared = block.template shared<float, threads, 0>();
  if (fault == Fault::early_end && t == 5) return;
  const int at = fault == Fault::race ? t / 2 : fault == Fault::shared_bounds ? t + 1 : t;
  if (fault != Fault::uninitialised || t != 7) shared.write(at, block.read(from, std::size_t(t)));
  if (fault == Fault::divergence && t < 32) return block.write(to, std::size_t(t), 0.f);
  if (fault != Fault::missing_barrier) block.sync();
  float x = fault == Fault::race ? 0.f : shared.read(t ^ 1);
  if (fault != Fault::warp_divergence || t % 2 == 0) x += 0 * block.shuffle_xor(x, 1);
  const int place = fault == Fault::global_bounds ? t + 1 : fault == Fault::global_race ? t / 2 : t;
  block.write(to, std::size_t(place), x);
  const std::size_t first = fault == Fault::misaligned      ? 1
                            : fault == Fault::vector_bounds ? 64
                                                            : 60;
  if (t == 9) x += block.template read_vector<4>(from, first).at[0];
}

std::vector<float> run(Fault fault, std::uint64_t seed) {
  alignas(16) float from[threads];
  std::vector<float> to(threads);
  for (int t = 0; t < threads; ++t) from[t] = float(t);
  run_on_host(1, threads, seed, [&](HostBlock& block) {
    swap_neighbours(block, GlobalView<const float>{from, threads},
                    GlobalView<float>{to.data(), to.size()}, fault);
  });
  return to;
}

void check_caught(Fault fault, const char* message) {
  for (std::uint64_t seed = 0; seed < 10; ++seed)
    CHECK_THROWS_MATCHES(run(fault, seed), Error, MessageMatches(ContainsSubstring(message)));
}

}  // namespace

TEST_CASE("a right kernel runs in any order of threads") {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const auto swapped = run(Fault::none, seed);
    for (int t = 0; t < threads; ++t) CHECK(swapped[t] == float(t ^ 1));
  }
}

TEST_CASE("two threads that write one cell are a race") { check_caught(Fault::race, "race"); }
TEST_CASE("two threads that write one element of global memory are a race") {
  check_caught(Fault::global_race, "race");
}
TEST_CASE("a missing barrier is found in every order of threads") {
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    CHECK_THROWS_AS(run(Fault::missing_barrier, seed), Error);
}
TEST_CASE("a barrier that half of the threads skip is a divergence") {
  check_caught(Fault::divergence, "divergence");
}
TEST_CASE("a thread that ends before a barrier is a divergence") {
  check_caught(Fault::early_end, "divergence");
}
TEST_CASE("a shuffle that half of a warp skips is a divergence") {
  check_caught(Fault::warp_divergence, "divergence");
}
TEST_CASE("indices out of bounds are named") {
  check_caught(Fault::shared_bounds, "out of bounds: element 64 of 64 of shared memory 0");
  check_caught(Fault::global_bounds, "out of bounds: write of element 64 of 64");
}
TEST_CASE("vectors are within bounds and aligned") {
  check_caught(Fault::misaligned, "read of 16 bytes that are not aligned");
  check_caught(Fault::vector_bounds, "out of bounds: read of element 67 of 64");
}
TEST_CASE("shared memory that nobody wrote is not read") {
  check_caught(Fault::uninitialised, "uninitialised");
}

namespace {

/// Block b reads what block b - 1 writes.
struct Chain {
  GlobalView<float> cells{};

  template <Block B>
  void operator()(B& block) const {
    const auto b = std::size_t(block.index());
    if (block.thread() == 0) block.write(cells, b, b == 0 ? 1.f : block.read(cells, b - 1));
  }
};

/// Threads turn a row in place: all must have read before any writes.
enum class Wait { none, of_warp, of_block, mixed };
struct Reverse {
  Wait wait = Wait::none;
  GlobalView<float> cells{};

  template <Block B>
  void operator()(B& block) const {
    const auto t = std::size_t(block.thread());
    const float x = block.read(cells, t);
    if (wait == Wait::of_warp || (wait == Wait::mixed && t % 2 == 0)) block.sync_warp();
    if (wait == Wait::mixed && t % 2 == 1) (void)block.shuffle_xor(x, 1);
    if (wait == Wait::of_block || wait == Wait::mixed) block.sync();
    block.write(cells, cells.count - 1 - t, x);
  }
};

}  // namespace

TEST_CASE("blocks that read what other blocks write are a race in every order") {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    std::vector<float> cells(8);
    CHECK_THROWS_MATCHES(run_on_host(8, 32, seed, Chain{{cells.data(), cells.size()}}), Error,
                         MessageMatches(ContainsSubstring("race")));
  }
}

TEST_CASE("global memory that changes hands needs a barrier between") {
  std::vector<float> cells(threads);
  const auto reverse = [&](Wait wait, int of, std::uint64_t seed) {
    run_on_host(1, of, seed, Reverse{wait, {cells.data(), std::size_t(of)}});
  };
  const auto caught = [](const char* message) {
    return MessageMatches(ContainsSubstring(message));
  };
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    CHECK_NOTHROW(reverse(Wait::of_block, threads, seed));
    CHECK_NOTHROW(reverse(Wait::of_warp, 32, seed));
    CHECK_THROWS_MATCHES(reverse(Wait::none, 32, seed), Error, caught("race"));
    CHECK_THROWS_MATCHES(reverse(Wait::of_warp, threads, seed), Error, caught("race"));
    CHECK_THROWS_MATCHES(reverse(Wait::mixed, 32, seed), Error, caught("divergence"));
  }
}

TEST_CASE("work space is NaN in every type until it is written") {
  cuda::HostExecutor executor(1);
  const std::byte* space = executor.space(64);
  float f;
  double d;
  BFloat16 b;
  std::memcpy(&f, space, sizeof(f));
  std::memcpy(&d, space, sizeof(d));
  std::memcpy(&b, space, sizeof(b));
  CHECK(std::isnan(f));
  CHECK(std::isnan(d));
  CHECK(std::isnan(float(b)));
}

TEST_CASE("16 bytes at a time, every element of a view is visited once") {
  alignas(16) std::array<BFloat16, 600> numbers{};
  for (const std::size_t begin : {0, 1, 7, 8})
    for (const std::size_t end : {8, 9, 15, 24, 600}) {
      std::vector<int> visits(numbers.size());
      run_on_host(1, threads, 1, [&](HostBlock& block) {
        const GlobalView<const BFloat16> view{numbers.data(), numbers.size()};
        for_each_vector(
            block, view, begin, end,
            [&](std::size_t i) {
              (void)block.read_vector<8>(view, i);
              for (std::size_t k = i; k < i + 8; ++k) ++visits[k];
            },
            [&](std::size_t i) { ++visits[i]; });
      });
      for (std::size_t i = 0; i < visits.size(); ++i)
        REQUIRE(visits[i] == (i >= begin && i < end ? 1 : 0));
    }
}

TEST_CASE("the order of threads is the seed's") {
  const auto order = [](std::uint64_t seed) {
    std::vector<int> seen;
    run_on_host(1, threads, seed, [&](HostBlock& block) { seen.push_back(block.thread()); });
    return seen;
  };
  CHECK(order(1) == order(1));
  CHECK(order(1) != order(2));
}

TEST_CASE("a block's sum is the same for every thread and every order") {
  std::vector<float> sums[2];
  for (std::uint64_t seed = 0; seed < 2; ++seed) {
    sums[seed].resize(256);
    run_on_host(1, 256, seed, [&](HostBlock& block) {
      const float mine = 1.f / float(block.thread() + 1);
      sums[seed][std::size_t(block.thread())] = block_reduce<3>(block, mine, Plus{});
    });
    CHECK(sums[seed] == std::vector<float>(256, sums[seed][0]));
  }
  CHECK(sums[0] == sums[1]);
}
