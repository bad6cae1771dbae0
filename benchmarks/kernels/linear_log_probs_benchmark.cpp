// The fused head: N tokens, hidden size H, vocabulary V, bfloat16 unless the name says otherwise.
// FLOP: 2NHV without gradient, 8NHV with it (the logits are computed twice), 6NHV if they are kept. Bytes:
// hidden states and head read once, gradients written once, kept logits written and read once. Token 0 is
// compared with float64.
// benchmarks/peers/linear_log_probs.py runs the peers beside it.
//
//   linear_log_probs/level/N/H/V/threads                 log-prob and entropy
//   linear_log_probs_with_gradient/level/N/H/V/threads   and gradients of hidden states and head
//   linear_log_probs_kept/level/N/H/V/threads            the same with memory for all logits
//   linear_log_probs_float32/level/N/H/V/threads         float32 inputs
#include <visplay/core/huge_buffer.hpp>
#include <visplay/core/rng.hpp>
#include <visplay/kernels/linear_log_probs.hpp>

#include <benchmarks/work.hpp>

#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

namespace {

using namespace visplay;

struct Batch {
  FloatType type;
  std::int64_t tokens, depth, vocabulary;
  HugeBuffer hidden, head, hidden_gradient, head_gradient, kept;
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
  void read_row(HugeBuffer& buffer, std::int64_t row, std::vector<double>& to) const {
    const std::byte* from = buffer.reserve(0) + size(row);
    for (std::size_t i = 0; i < to.size(); ++i) {
      std::uint32_t bits = 0;
      if (type == FloatType::float32)
        std::memcpy(&bits, from + 4 * i, 4);
      else
        std::memcpy(reinterpret_cast<char*>(&bits) + 2, from + 2 * i, 2);
      to[i] = double(std::bit_cast<float>(bits));
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

/// Against the formulas of linear_log_probs.hpp in double, of token 0: log-prob, entropy and, if it was
/// wanted, the gradient of its hidden state in units of the sizes of what is summed in it.
void compare_with_float64(benchmark::State& state, Batch& batch, bool gradient) {
  const auto depth = std::size_t(batch.depth);
  std::vector<double> hidden(depth), weights(depth), slope(depth), sizes(depth);
  batch.read_row(batch.hidden, 0, hidden);
  std::vector<double> log_p;
  double sum = 0, entropy = 0;
  for (std::int64_t v = 0; v < batch.vocabulary; ++v) {
    batch.read_row(batch.head, v, weights);
    log_p.push_back(std::inner_product(hidden.begin(), hidden.end(), weights.begin(), 0.));
    sum += std::exp(log_p.back());
  }
  const double log_sum = std::log(sum);
  for (double& x : log_p) x -= log_sum, entropy -= std::exp(x) * x;
  const auto target = std::size_t(batch.targets[0]);
  declare_error(state, std::abs(double(batch.log_probs[0]) - log_p[target]), 1e-5);
  declare_error(state, std::abs(double(batch.entropy[0]) - entropy), 3e-5);
  if (!gradient) return;
  for (std::size_t v = 0; v < log_p.size(); ++v) {
    batch.read_row(batch.head, std::int64_t(v), weights);
    const double by_logit = double(batch.coefficients[0]) * ((v == target) - std::exp(log_p[v]));
    for (std::size_t d = 0; d < depth; ++d) {
      slope[d] += by_logit * weights[d];
      sizes[d] += std::abs(by_logit * weights[d]);
    }
  }
  std::vector<double> found(depth);
  batch.read_row(batch.hidden_gradient, 0, found);
  // bfloat16 rounds each logit's gradient and each result by at most 2^-8 of it.
  double worst = 0;
  for (std::size_t d = 0; d < depth; ++d)
    worst = larger(worst, std::abs(found[d] - slope[d]) / (sizes[d] + std::abs(slope[d])));
  declare_error(state, worst, 0x1p-8);
}

enum class Pass { forward, with_gradient, with_kept_logits };

void run(benchmark::State& state, FloatType type, Pass pass) {
  const bool with_gradient = pass != Pass::forward;
  const AtLevel level(state, state.range(0));
  if (!level) return;
  Batch batch(state, type);
  ThreadPool pool(int(state.range(4)));
  LinearLogProbsOutput output{.log_probs = batch.log_probs, .entropy = batch.entropy};
  if (pass == Pass::with_kept_logits) {
    const std::size_t bytes = linear_log_probs_kept_bytes(batch.tokens, batch.vocabulary, type);
    output.kept = {batch.kept.reserve(bytes), bytes};
  }
  const auto coefficients = [&](auto, auto) {
    return LinearLogProbsCoefficients{batch.coefficients, {}};
  };
  const auto gradient = with_gradient ? batch.gradient() : LinearLogProbsGradient{};
  const auto compute = [&] {
    if (with_gradient)
      visplay::linear_log_probs_with_gradient(batch.input(), output, coefficients, gradient, pool);
    else
      visplay::linear_log_probs(batch.input(), output, pool);
  };
  compute();  // touches all memory once
  compare_with_float64(state, batch, with_gradient);
  for (auto _ : state) compute();
  const auto bytes = double(batch.size(batch.tokens) + batch.size(batch.vocabulary));
  const double product = 2 * double(batch.tokens) * double(batch.depth) * double(batch.vocabulary);
  const double products = pass == Pass::forward ? 1 : pass == Pass::with_gradient ? 4 : 3;
  declare(state, {.flop = products * product,
                  .read = bytes + double(output.kept.size()),
                  .written = (with_gradient ? bytes : 0) + double(output.kept.size())});
}

void linear_log_probs(benchmark::State& state) { run(state, FloatType::bfloat16, Pass::forward); }
void linear_log_probs_float32(benchmark::State& state) {
  run(state, FloatType::float32, Pass::forward);
}
void linear_log_probs_with_gradient(benchmark::State& state) {
  run(state, FloatType::bfloat16, Pass::with_gradient);
}
void linear_log_probs_kept(benchmark::State& state) {
  run(state, FloatType::bfloat16, Pass::with_kept_logits);
}

constexpr int avx2 = int(SimdLevel::avx2), avx512 = int(SimdLevel::avx512),
              pairs = int(SimdLevel::avx512_bf16), amx = int(SimdLevel::amx);

#define VISPLAY_HEAD_SHAPES(level)           \
  Args({level, 1024, 2048, 151936, 2})       \
      ->Args({level, 1024, 3584, 152064, 2}) \
      ->Args({level, 352, 2048, 8192, 1})

BENCHMARK(linear_log_probs)
    ->ArgNames({"level", "N", "H", "V", "threads"})
    ->VISPLAY_HEAD_SHAPES(amx)
    ->VISPLAY_HEAD_SHAPES(pairs)
    ->Args({avx2, 352, 2048, 8192, 2})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(linear_log_probs_with_gradient)
    ->ArgNames({"level", "N", "H", "V", "threads"})
    ->VISPLAY_HEAD_SHAPES(amx)
    ->VISPLAY_HEAD_SHAPES(pairs)
    ->Args({avx2, 352, 2048, 8192, 2})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(linear_log_probs_kept)
    ->ArgNames({"level", "N", "H", "V", "threads"})
    ->VISPLAY_HEAD_SHAPES(amx)
    ->VISPLAY_HEAD_SHAPES(pairs)
    ->Args({avx2, 352, 2048, 8192, 2})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(linear_log_probs_float32)
    ->ArgNames({"level", "N", "H", "V", "threads"})
    ->Args({avx512, 352, 2048, 8192, 1})
    ->Args({avx2, 352, 2048, 8192, 1})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
