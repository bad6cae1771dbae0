// Log-prob and entropy from logits [N, V], forward and in-place backward. `bytes_per_second` counts one
// read forward, one read and one write backward; `read_bandwidth` is the measured roof beside it.
// benchmarks/peers/log_probs.py runs TRL beside it.
//
//   log_probs_forward/N/V/bfloat16/threads       log_probs_backward/...       log_probs_both/...
//   read_bandwidth/threads                       sum of 512 MiB
#include <visplay/core/rng.hpp>
#include <visplay/kernels/adamw.hpp>
#include <visplay/kernels/log_probs.hpp>

#include <benchmark/benchmark.h>

#include <vector>

namespace {

using namespace visplay;

template <class Number>
struct Rows {
  std::size_t rows, vocabulary;
  std::vector<Number> logits;
  std::vector<std::int64_t> targets;
  std::vector<float> log_probs, entropy, log_sum_exp, g, h;

  Rows(std::size_t rows, std::size_t vocabulary)
      : rows(rows), vocabulary(vocabulary), logits(rows * vocabulary) {
    std::uint32_t bits = 1;
    for (Number& x : logits) {
      bits = bits * 1664525u + 1013904223u;
      x = Number(10 * (float(bits >> 8) * 0x1p-24f - 0.5f));
    }
    Rng rng(1);
    for (std::size_t r = 0; r < rows; ++r) targets.push_back(std::int64_t(rng.below(vocabulary)));
    for (auto* values : {&log_probs, &entropy, &log_sum_exp}) values->resize(rows);
    g.assign(rows, 1e-3f), h.assign(rows, 1e-4f);
  }
  void forward(ThreadPool& pool) {
    visplay::log_probs(
        LogitsView<const Number>{logits.data(), rows, vocabulary, vocabulary}, targets, 1,
        {.log_probs = log_probs, .entropy = entropy, .log_sum_exp = log_sum_exp}, pool);
  }
  void backward(ThreadPool& pool) {
    log_probs_backward(LogitsView<Number>{logits.data(), rows, vocabulary, vocabulary}, targets, 1,
                       {.log_sum_exp = log_sum_exp,
                        .entropy = entropy,
                        .log_prob_gradients = g,
                        .entropy_gradients = h},
                       pool);
  }
};

/// @param trips  over the logits that a call makes, reading and writing
template <class Number, class Call>
void call_repeatedly(benchmark::State& state, double trips, const Call& call) {
  Rows<Number> rows(std::size_t(state.range(0)), std::size_t(state.range(1)));
  ThreadPool pool(int(state.range(3)));
  rows.forward(pool);
  for (auto _ : state) {
    call(rows, pool);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(std::int64_t(trips * double(rows.logits.size() * sizeof(Number))) *
                          state.iterations());
}
template <class Call>
void call_either(benchmark::State& state, double trips, const Call& call) {
  state.range(2) ? call_repeatedly<BFloat16>(state, trips, call)
                 : call_repeatedly<float>(state, trips, call);
}

void forward_pass(benchmark::State& state) {
  call_either(state, 1, [](auto& rows, ThreadPool& pool) { rows.forward(pool); });
}
// Again and again over its own result, which by then is near zero: as much work as the first time.
void backward_pass(benchmark::State& state) {
  call_either(state, 2, [](auto& rows, ThreadPool& pool) { rows.backward(pool); });
}
void both_passes(benchmark::State& state) {
  call_either(state, 3, [](auto& rows, ThreadPool& pool) {
    rows.forward(pool);
    rows.backward(pool);
  });
}
void shapes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"N", "V", "bfloat16", "threads"})->UseRealTime()->Unit(benchmark::kMillisecond);
  for (const int threads : {1, 2}) {
    b->Args({512, 151936, 1, threads});
    b->Args({512, 152064, 0, threads});
    b->Args({2048, 151936, 1, threads});
  }
}
BENCHMARK(forward_pass)->Name("log_probs_forward")->Apply(shapes);
BENCHMARK(backward_pass)->Name("log_probs_backward")->Apply(shapes);
BENCHMARK(both_passes)->Name("log_probs_both")->Apply(shapes);

/// The norm of AdamW does a multiplication and an addition a number: it waits for memory alone.
void read_bandwidth(benchmark::State& state) {
  std::vector<float> numbers(128 << 20, 1.f);
  const AdamWTensor tensor{numbers, numbers, numbers, numbers, 0};
  ThreadPool pool(int(state.range(0)));
  for (auto _ : state) {
    double norm = gradient_norm(std::span(&tensor, 1), pool);
    benchmark::DoNotOptimize(norm);
  }
  state.SetBytesProcessed(std::int64_t(numbers.size() * sizeof(float)) * state.iterations());
}
BENCHMARK(read_bandwidth)->ArgNames({"threads"})->Arg(1)->Arg(2)->UseRealTime();

}  // namespace
