// A step of AdamW with clipping over N million elements in tensors of 8 million; `bytes_per_second`
// counts what must be moved (32 and 12 bytes an element). benchmarks/peers/adamw.py runs torch beside it.
//
//   adamw_float32/millions/threads
//   adamw_compact/millions/threads          bfloat16 weights and gradients, 8-bit moments
//   adamw_at/level/compact                  16 million on one thread, at a level of instruction set
#include <visplay/core/simd_level.hpp>
#include <visplay/kernels/adamw.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <deque>

namespace {

using namespace visplay;

constexpr std::size_t tensor_elements = 8 << 20;

template <class Number>
std::vector<Number> pattern(std::size_t n, float scale) {
  std::vector<Number> x(n);
  std::uint32_t bits = 1;
  for (Number& value : x) {
    bits = bits * 1664525u + 1013904223u;
    value = Number(scale * (float(bits >> 8) * 0x1p-24f - 0.5f));
  }
  return x;
}

struct Float32 {
  static constexpr double bytes = 32;
  using Tensor = AdamWTensor;
  struct State {
    std::vector<float> weights, gradients, first, second;
    explicit State(std::size_t n)
        : weights(pattern<float>(n, 1)), gradients(pattern<float>(n, 1e-3f)), first(n), second(n) {}
    Tensor view() { return {weights, gradients, first, second, 0.01f}; }
  };
};

struct Compact {
  static constexpr double bytes = 12;
  using Tensor = CompactAdamWTensor;
  struct State {
    std::vector<BFloat16> weights, gradients;
    CompactMoments moments;
    explicit State(std::size_t n)
        : weights(pattern<BFloat16>(n, 1)), gradients(pattern<BFloat16>(n, 1e-3f)), moments(n) {}
    Tensor view() { return {weights, gradients, &moments, 0.01f}; }
  };
};

template <class Kind>
void step_repeatedly(benchmark::State& state, std::size_t millions, int threads) {
  std::deque<typename Kind::State> states;
  std::vector<typename Kind::Tensor> views;
  std::size_t left = millions * 1000000;
  for (const std::size_t all = left; left > 0;) {
    const std::size_t n = std::min(left, tensor_elements);
    views.push_back(states.emplace_back(n).view());
    left -= n;
    state.counters["elements"] = double(all);
  }
  ThreadPool pool(threads);
  AdamWStep step{.learning_rate = 1e-6, .max_grad_norm = 1};
  for (auto _ : state) {
    double norm = adamw_step(std::span<const typename Kind::Tensor>(views), step, pool);
    benchmark::DoNotOptimize(norm);
    ++step.step;
  }
  state.SetBytesProcessed(std::int64_t(Kind::bytes * double(millions) * 1e6) * state.iterations());
}

void adamw_float32(benchmark::State& state) {
  step_repeatedly<Float32>(state, std::size_t(state.range(0)), int(state.range(1)));
}
void adamw_compact(benchmark::State& state) {
  step_repeatedly<Compact>(state, std::size_t(state.range(0)), int(state.range(1)));
}
void adamw_at(benchmark::State& state) {
  const auto level = SimdLevel(state.range(0)), best = best_simd_level();
  if (level > best) return state.SkipWithError("this processor cannot run it");
  set_simd_level(level);
  state.range(1) ? step_repeatedly<Compact>(state, 16, 1) : step_repeatedly<Float32>(state, 16, 1);
  set_simd_level(best);
}

void sizes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"millions", "threads"})->UseRealTime()->Unit(benchmark::kMillisecond);
  for (const int millions : {50, 300})
    for (const int threads : {1, 2}) b->Args({millions, threads});
}
BENCHMARK(adamw_float32)->Apply(sizes);
BENCHMARK(adamw_compact)->Apply(sizes);
BENCHMARK(adamw_at)
    ->ArgNames({"level", "compact"})
    ->ArgsProduct({{0, 1, 2}, {0, 1}})
    ->Unit(benchmark::kMillisecond);

}  // namespace
