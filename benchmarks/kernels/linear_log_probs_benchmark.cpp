// The fused head: N tokens, hidden size H, vocabulary V, bfloat16 unless the name says otherwise.
// FLOP: 2NHV without gradient, 8NHV with it (the logits are computed twice). bytes: hidden states and
// head once, gradients once.
// benchmarks/peers/linear_log_probs.py runs the peers beside it.
//
//   linear_log_probs/level/N/H/V/threads                 log-prob and entropy
//   linear_log_probs_with_gradient/level/N/H/V/threads   and gradients of hidden states and head
//   linear_log_probs_float32/level/N/H/V/threads         float32 inputs
#include <visplay/core/huge_buffer.hpp>
#include <visplay/core/rng.hpp>
#include <visplay/core/simd_level.hpp>
#include <visplay/kernels/linear_log_probs.hpp>

#include <benchmark/benchmark.h>

#include <bit>
#include <cstring>
#include <vector>

namespace {

using namespace visplay;

struct Batch {
  FloatType type;
  std::int64_t tokens, depth, vocabulary;
  HugeBuffer hidden, head, hidden_gradient, head_gradient;
  std::vector<std::int64_t> targets;
  std::vector<float> log_probs, entropy, coefficients;

  Batch(const benchmark::State& state, FloatType type)
      : type(type),
        tokens(state.range(1)),
        depth(state.range(2)),
        vocabulary(state.range(3)),
        log_probs(std::size_t(tokens)),
        entropy(std::size_t(tokens)),
        coefficients(std::size_t(tokens), 1.f / float(tokens)) {
    Rng rng(1);
    fill(hidden, tokens, 1, rng);
    fill(head, vocabulary, 0.05, rng);
    for (std::int64_t t = 0; t < tokens; ++t)
      targets.push_back(std::int64_t(rng.below(std::uint64_t(vocabulary))));
  }
  [[nodiscard]] std::size_t size(std::int64_t rows) const {
    return std::size_t(rows * depth) * (type == FloatType::float32 ? 4 : 2);
  }
  /// Random numbers, a piece of them again and again at changing places.
  void fill(HugeBuffer& buffer, std::int64_t rows, double scale, Rng& rng) const {
    constexpr std::size_t piece = 99991;
    std::vector<float> numbers(piece);
    for (float& x : numbers) x = float(scale * rng.normal());
    std::byte* at = buffer.reserve(size(rows));
    for (std::size_t i = 0; i < std::size_t(rows * depth); ++i) {
      const auto bits = std::bit_cast<std::uint32_t>(numbers[i % piece]);
      if (type == FloatType::float32)
        std::memcpy(at + 4 * i, &bits, 4);
      else
        std::memcpy(at + 2 * i, reinterpret_cast<const char*>(&bits) + 2, 2);
    }
  }
  [[nodiscard]] LinearLogProbsInput input() {
    return {{hidden.reserve(0), type, tokens, depth, depth},
            {head.reserve(0), type, vocabulary, depth, depth},
            targets};
  }
  [[nodiscard]] LinearLogProbsGradient gradient() {
    return {{hidden_gradient.reserve(size(tokens)), type, tokens, depth, depth},
            {head_gradient.reserve(size(vocabulary)), type, vocabulary, depth, depth}};
  }
};

void declare(benchmark::State& state, const Batch& batch, int products, int transfers) {
  using benchmark::Counter;
  const double flop =
      2. * products * double(batch.tokens) * double(batch.depth) * double(batch.vocabulary);
  const double bytes = transfers * double(batch.size(batch.tokens) + batch.size(batch.vocabulary));
  state.counters["FLOP"] = Counter(flop, Counter::kIsIterationInvariantRate);
  state.counters["bytes"] = Counter(bytes, Counter::kIsIterationInvariantRate);
}

bool set_level(benchmark::State& state) {
  const auto level = SimdLevel(state.range(0));
  if (level > best_simd_level()) {
    state.SkipWithError("this processor cannot run it");
    return false;
  }
  set_simd_level(level);
  return true;
}

void run_forward(benchmark::State& state, FloatType type) {
  if (!set_level(state)) return;
  Batch batch(state, type);
  ThreadPool pool(int(state.range(4)));
  for (auto _ : state)
    linear_log_probs(batch.input(), {.log_probs = batch.log_probs, .entropy = batch.entropy}, pool);
  declare(state, batch, 1, 1);
}

void linear_log_probs(benchmark::State& state) { run_forward(state, FloatType::bfloat16); }
void linear_log_probs_float32(benchmark::State& state) { run_forward(state, FloatType::float32); }

void linear_log_probs_with_gradient(benchmark::State& state) {
  if (!set_level(state)) return;
  Batch batch(state, FloatType::bfloat16);
  const LinearLogProbsGradient gradient = batch.gradient();
  ThreadPool pool(int(state.range(4)));
  const auto coefficients = [&](auto, auto) {
    return LinearLogProbsCoefficients{batch.coefficients, {}};
  };
  for (auto _ : state)
    visplay::linear_log_probs_with_gradient(
        batch.input(), {.log_probs = batch.log_probs, .entropy = batch.entropy}, coefficients,
        gradient, pool);
  declare(state, batch, 4, 2);
}

constexpr int avx512 = int(SimdLevel::avx512), pairs = int(SimdLevel::avx512_bf16),
              amx = int(SimdLevel::amx);

#define VISPLAY_HEAD_SHAPES(level)           \
  Args({level, 1024, 2048, 151936, 2})       \
      ->Args({level, 1024, 3584, 152064, 2}) \
      ->Args({level, 352, 2048, 8192, 1})

BENCHMARK(linear_log_probs)
    ->ArgNames({"level", "N", "H", "V", "threads"})
    ->VISPLAY_HEAD_SHAPES(amx)
    ->VISPLAY_HEAD_SHAPES(pairs)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(linear_log_probs_with_gradient)
    ->ArgNames({"level", "N", "H", "V", "threads"})
    ->VISPLAY_HEAD_SHAPES(amx)
    ->VISPLAY_HEAD_SHAPES(pairs)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(linear_log_probs_float32)
    ->ArgNames({"level", "N", "H", "V", "threads"})
    ->Args({avx512, 352, 2048, 8192, 1})
    ->Args({int(SimdLevel::avx2), 352, 2048, 8192, 1})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
