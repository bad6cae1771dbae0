// The roofs of this machine, of which the shares of all other benchmarks are shares.
//
//   read_bandwidth/threads      sum of 512 MiB of float32
//   update_bandwidth/threads    x = 1 - x over them: each byte is read and written
//   peak/level/threads          multiply-adds from registers, by level of instruction set: float32 up to
//                               avx512, pairs of bfloat16 (vdpbf16ps) at avx512_bf16, tiles of them at amx
#include <visplay/core/huge_buffer.hpp>
#include <visplay/core/pack.hpp>
#include <visplay/core/parallel.hpp>
#include <visplay/kernels/lanes.hpp>

#include <benchmarks/work.hpp>

#include <algorithm>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

using namespace visplay;

// A thread goes through a block at `streams` places at a time: reading is a third faster than in one.
constexpr std::size_t numbers = 128 << 20, block = 256 << 10, streams = 8;

float* memory_of_ones(HugeBuffer& memory) {
  auto* const x = reinterpret_cast<float*>(memory.reserve(numbers * sizeof(float)));
  std::fill(x, x + numbers, 1.f);
  return x;
}

/// body(place, sum) for each pack, with a sum for each stream.
template <class Body>
void for_packs(ThreadPool& pool, float* x, const Body& body) {
  constexpr std::size_t stream = block / streams;
  pool.run(numbers / block, [&](std::size_t b) {
    Pack sums[streams];
    for (std::size_t at = 0; at < stream; at += Pack::lanes)
      for (std::size_t i = 0; i < streams; ++i) body(x + b * block + i * stream + at, sums[i]);
    benchmark::DoNotOptimize(sums);
  });
}

void read_bandwidth(benchmark::State& state) {
  HugeBuffer memory;
  float* const x = memory_of_ones(memory);
  ThreadPool pool(int(state.range(0)));
  for (auto _ : state)
    for_packs(pool, x, [](const float* from, Pack& sum) { sum = sum + load(from); });
  declare(state, {.read = double(numbers * sizeof(float))});
}

void update_bandwidth(benchmark::State& state) {
  HugeBuffer memory;
  float* const x = memory_of_ones(memory);
  ThreadPool pool(int(state.range(0)));
  for (auto _ : state)
    for_packs(pool, x, [](float* at, Pack&) { store(at, Pack(1.f) - load(at)); });
  const auto bytes = double(numbers * sizeof(float));
  declare(state, {.read = bytes, .written = bytes});
}

// More sums than an instruction's latency times two units, fewer than registers of AVX2.
constexpr int chains = 12, rounds = 1 << 20;

/// A function that advances `chains` registers, kept in `state` before and after. Intrinsics can be
/// called only in a function that is compiled for them.
#define VISPLAY_PEAK(name, target, Register, advanced)                                           \
  target void name(float* state) {                                                               \
    constexpr int lanes = sizeof(Register) / sizeof(float);                                      \
    Register sums[chains], factor;                                                               \
    std::memcpy(&factor, state, sizeof factor);                                                  \
    for (int i = 0; i < chains; ++i) std::memcpy(&sums[i], state + i * lanes, sizeof(Register)); \
    for (int round = 0; round < rounds; ++round)                                                 \
      for (Register & sum : sums) sum = advanced;                                                \
    for (int i = 0; i < chains; ++i) std::memcpy(state + i * lanes, &sums[i], sizeof(Register)); \
  }

using FourFloats = float __attribute__((vector_size(16)));
VISPLAY_PEAK(portable_peak, , FourFloats, factor + sum * factor)

#if defined(__x86_64__)
VISPLAY_PEAK(avx2_peak, __attribute__((target("avx2,fma"))), __m256,
             _mm256_fmadd_ps(sum, factor, factor))
VISPLAY_PEAK(avx512_peak, __attribute__((target("avx512f"))), __m512,
             _mm512_fmadd_ps(sum, factor, factor))
VISPLAY_PEAK(pairs_peak, __attribute__((target("avx512f,avx512bf16"))), __m512,
             _mm512_dpbf16_ps(sum, (__m512bh)factor, (__m512bh)factor))

/// 16 x 16 sums of 32 products each, in four of the eight tiles of 16 rows of 64 bytes.
__attribute__((target("amx-tile,amx-bf16"))) void tiles_peak(float* state) {
  // Byte 0 is the palette; from 16 on are the bytes of a row, from 48 on the rows of each tile.
  alignas(64) unsigned char configuration[64] = {1};
  for (int tile = 0; tile < 8; ++tile)
    configuration[16 + 2 * tile] = 64, configuration[48 + tile] = 16;
  asm volatile("" : : "r"(configuration) : "memory");  // g++ reads 8 of the 64 bytes only
  _tile_loadconfig(configuration);
  _tile_loadd(4, state, 0);
  _tile_loadd(5, state, 0);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int round = 0; round < rounds / 16; ++round) {
    _tile_dpbf16ps(0, 4, 5);
    _tile_dpbf16ps(1, 4, 5);
    _tile_dpbf16ps(2, 4, 5);
    _tile_dpbf16ps(3, 4, 5);
  }
  _tile_stored(0, state, 64);
  _tile_release();
}
#endif

struct Peak {
  void (*run)(float* state);
  double flop;  // of one run
};
Peak peak_at(SimdLevel level) {
  constexpr double each = 2. * chains * rounds;
  switch (level) {
#if defined(__x86_64__)
    case SimdLevel::avx2:
      return {avx2_peak, each * 8};
    case SimdLevel::avx512:
      return {avx512_peak, each * 16};
    case SimdLevel::avx512_bf16:
      return {pairs_peak, each * 32};
    case SimdLevel::amx:
      return {tiles_peak, 2. * 4 * (rounds / 16) * 16 * 16 * 32};
#endif
    default:
      return {portable_peak, each * 4};
  }
}

void peak(benchmark::State& state) {
  const AtLevel level(state, state.range(0));
  if (!level) return;
  const int threads = int(state.range(1));
  const Peak loop = peak_at(simd_level());
  ThreadPool pool(threads);
  for (auto _ : state)
    pool.run(std::size_t(threads), [&](std::size_t) {
      alignas(64) float numbers[16 * 16];
      std::fill(std::begin(numbers), std::end(numbers), 0.5f);
      loop.run(numbers);
      benchmark::DoNotOptimize(numbers);
    });
  declare(state, {.flop = double(threads) * loop.flop});
}

void threads(benchmark::internal::Benchmark* b) {
  b->ArgNames({"threads"})->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);
}
BENCHMARK(read_bandwidth)->Apply(threads);
BENCHMARK(update_bandwidth)->Apply(threads);
BENCHMARK(peak)
    ->ArgNames({"level", "threads"})
    ->ArgsProduct({{0, 1, 2, 3, 4}, {1, 2}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
