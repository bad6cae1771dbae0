// The fused head's CUDA kernels and their driver, run by the host executor, against the CPU's fused head.
#include <visplay/core/rng.hpp>
#include <visplay/kernels/cuda/host_executor.hpp>
#include <visplay/kernels/cuda/linear_log_probs_driver.hpp>
#include <visplay/kernels/kept_logit.hpp>
#include <visplay/kernels/linear_log_probs.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "support/matrix_values.hpp"
#include "support/worst.hpp"

using namespace visplay;
using visplay::testing::Values;

namespace {

constexpr std::int64_t tokens = 5, depth = 40, vocabulary = 300, padding = 4;

struct Example {
  FloatType type;
  float temperature = 1;
  bool has_entropy = true;
  double spread = 3;
  FloatType gradient_type = type;
  Values hidden = Values::random(type, tokens, depth, 1, Rng(1));
  Values head =
      Values::random(type, vocabulary + padding, depth, spread / std::sqrt(depth), Rng(2));
  std::vector<std::int64_t> targets{7, 299, -1, 0, 130};
  std::vector<float> by_log_prob{1, -0.5f, 3, 0.25f, 2}, by_entropy{0.1f, 0, 2, -0.3f, 0.2f};

  [[nodiscard]] LinearLogProbsInput input() const {
    return {hidden.view(), head.view(), targets, vocabulary, temperature};
  }
  [[nodiscard]] LinearLogProbsCoefficients coefficients() const {
    if (!has_entropy) return {.log_probs = by_log_prob};
    return {.log_probs = by_log_prob, .entropy = by_entropy};
  }
};

struct Results {
  std::vector<float> log_probs = std::vector<float>(tokens, 7.f), entropy = log_probs,
                     sum_squares = log_probs, log_sum_exp = log_probs;
  Values hidden, head;

  explicit Results(const Example& e)
      : hidden(e.gradient_type, tokens, depth, 5),
        head(e.gradient_type, vocabulary + padding, depth, 2) {}
  [[nodiscard]] LinearLogProbsOutput output() {
    return {log_probs, entropy, sum_squares, log_sum_exp};
  }
  [[nodiscard]] LinearLogProbsGradient gradient() { return {hidden.view(), head.view()}; }
};

Results by_cpu(const Example& e) {
  Results results(e);
  ThreadPool pool(1);
  linear_log_probs_with_gradient(
      e.input(), results.output(), [&](auto, auto) { return e.coefficients(); }, results.gradient(),
      pool);
  return results;
}

Results by_cuda(const Example& e, std::int64_t chunk, auto& executor,
                std::span<std::byte> kept = {}) {
  Results results(e);
  const cuda::HeadPlan plan{e.input(), chunk};
  const auto gradient = results.gradient();
  const std::size_t bytes = cuda::HeadSpace(cuda::Area(), plan, gradient).bytes;
  const cuda::HeadSpace space(cuda::Area(executor.space(bytes)), plan, gradient);
  LinearLogProbsOutput output = results.output();
  output.kept = kept;
  cuda::linear_log_probs_with_gradient(
      executor, plan, output, [&](auto, auto) { return e.coefficients(); }, gradient, space,
      [](const auto&) {});
  return results;
}
Results by_cuda(const Example& e, std::int64_t chunk, std::uint64_t seed = 1) {
  cuda::HostExecutor executor(seed);
  return by_cuda(e, chunk, executor);
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  visplay::testing::Worst worst;
  for (std::size_t i = 0; i < a.size(); ++i) worst.add(std::abs(double(a[i]) - double(b[i])));
  return worst.value;
}
/// In units of the largest number of b.
double largest_difference(const Values& a, const Values& b) {
  visplay::testing::Worst worst;
  double size = 0;
  for (std::int64_t r = 0; r < a.rows; ++r)
    for (std::int64_t c = 0; c < a.columns; ++c) {
      size = std::max(size, std::abs(b(r, c)));
      worst.add(std::abs(a(r, c) - b(r, c)));
    }
  return worst.value / size;
}

/// @param rounding  of a gradient, relative to the largest
void check_same(const Results& cuda, const Results& cpu, double rounding) {
  CHECK(largest_difference(cuda.log_probs, cpu.log_probs) < 1e-5);
  CHECK(largest_difference(cuda.entropy, cpu.entropy) < 3e-5);
  CHECK(largest_difference(cuda.sum_squares, cpu.sum_squares) < 1e-5);
  CHECK(largest_difference(cuda.log_sum_exp, cpu.log_sum_exp) < 1e-5);
  CHECK(largest_difference(cuda.hidden, cpu.hidden) < rounding);
  CHECK(largest_difference(cuda.head, cpu.head) < rounding);
}

}  // namespace

TEST_CASE("CUDA's fused head gives the CPU's results and gradients, whatever the chunk") {
  for (const FloatType type : {FloatType::bfloat16, FloatType::float16, FloatType::float32})
    for (const std::int64_t chunk : {0, 64, 128, 296}) {
      INFO(name_of(type) << ", chunks of " << chunk);
      const Example example{.type = type};
      check_same(by_cuda(example, chunk), by_cpu(example),
                 type == FloatType::bfloat16  ? 1. / 128
                 : type == FloatType::float16 ? 1. / 1024
                                              : 2e-5);
    }
}

TEST_CASE("CUDA's fused head in float16 takes coefficients of any size") {
  for (const float scale : {1e-12f, 1e-3f, 1e4f, 1e12f}) {
    Example example{.type = FloatType::float16, .gradient_type = FloatType::float32};
    for (auto* by : {&example.by_log_prob, &example.by_entropy})
      for (float& x : *by) x *= scale;
    check_same(by_cuda(example, 64), by_cpu(example), 1. / 2048);
  }
  Example example{.type = FloatType::float16};
  example.by_log_prob.assign(tokens, 0.f), example.by_entropy = example.by_log_prob;
  const Results none = by_cuda(example, 64);
  for (std::int64_t t = 0; t < tokens; ++t)
    for (std::int64_t c = 0; c < depth; ++c) REQUIRE(none.hidden(t, c) == 0);
}

TEST_CASE("CUDA's fused head takes a temperature, sharp logits, and no entropy") {
  for (const Example& example :
       {Example{.type = FloatType::float32, .temperature = 0.7f},
        Example{.type = FloatType::float32, .temperature = 1.5f, .has_entropy = false},
        Example{.type = FloatType::bfloat16, .temperature = 0.9f, .spread = 12}})
    check_same(by_cuda(example, 104), by_cpu(example),
               example.type == FloatType::bfloat16 ? 1. / 128 : 5e-5);
}

TEST_CASE("CUDA's fused head writes float32 gradients of bfloat16 weights") {
  const Example example{.type = FloatType::bfloat16, .gradient_type = FloatType::float32};
  // The slopes are rounded to bfloat16 on both sides, sums are not.
  check_same(by_cuda(example, 72), by_cpu(example), 4e-3);
}

TEST_CASE("CUDA's fused head: results have the same bits in every order of blocks and threads") {
  const Example example{.type = FloatType::float32};
  const Results one = by_cuda(example, 96, 1), other = by_cuda(example, 96, 2);
  CHECK(one.log_probs == other.log_probs);
  CHECK(one.entropy == other.entropy);
  CHECK(one.head.bytes == other.head.bytes);
  CHECK(one.hidden.bytes == other.hidden.bytes);
}

TEST_CASE("CUDA's fused head: forward and backward apart are the two together") {
  const Example example{.type = FloatType::float32};
  const Results together = by_cuda(example, 64);
  Results apart(example);
  cuda::HostExecutor executor(3);
  const cuda::HeadPlan plan{example.input(), 64};
  {
    const std::size_t bytes = cuda::HeadSpace(cuda::Area(), plan).bytes;
    const cuda::HeadSpace space(cuda::Area(executor.space(bytes)), plan);
    cuda::linear_log_probs(executor, plan, apart.output(), space);
  }
  const auto gradient = apart.gradient();
  const std::size_t bytes = cuda::HeadSpace(cuda::Area(), plan, gradient).bytes;
  const cuda::HeadSpace space(cuda::Area(executor.space(bytes)), plan, gradient);
  cuda::linear_log_probs_backward(executor, plan, apart.log_sum_exp, apart.entropy,
                                  example.coefficients(), gradient, space);
  CHECK(apart.log_probs == together.log_probs);
  CHECK(apart.head.bytes == together.head.bytes);
  CHECK(apart.hidden.bytes == together.hidden.bytes);
}

TEST_CASE("CUDA's fused head: a chunk may be out of reach of the one before, in either order") {
  for (const std::int64_t high : {1, 290}) {
    Example example{.type = FloatType::float32};
    example.head = Values(FloatType::float32, vocabulary + padding, depth);
    example.hidden = Values(FloatType::float32, tokens, depth);
    for (std::int64_t c = 0; c < depth; ++c) {
      for (std::int64_t r = 0; r < vocabulary; ++r) example.head.set(r, c, r == high ? 50.f : 0.f);
      for (std::int64_t t = 0; t < tokens; ++t) example.hidden.set(t, c, 1.f);
    }
    example.targets = {high, 0, -1, 2, 299};
    const Results results = by_cuda(example, 64);  // a logit of 2,000, the others 0
    CHECK(std::abs(results.log_probs[0]) < 1e-6f);
    CHECK(std::abs(results.log_probs[1] + 2000) < 1e-3f);
    CHECK(std::abs(results.entropy[3]) < 1e-6f);
    CHECK(std::abs(results.sum_squares[4] - 1) < 1e-6f);
  }
}

namespace {

struct CountingExecutor : cuda::HostExecutor {
  using HostExecutor::HostExecutor;
  int products = 0;

  void product(const ProductOperand& left, const ProductOperand& right,
               const MutableFloatMatrix& out, bool adds,
               const cuda::ProductFactor* factor = nullptr) {
    ++products;
    HostExecutor::product(left, right, out, adds, factor);
  }
};

constexpr std::byte untouched{0xFF};  // NaN in every type

}  // namespace

TEST_CASE("CUDA's fused head does not compute again what it kept") {
  constexpr std::int64_t chunk = 64;
  constexpr int chunks = 5;
  for (const FloatType type : {FloatType::bfloat16, FloatType::float16, FloatType::float32}) {
    const Example example{.type = type};
    const std::size_t of_chunk = tokens * chunk * (type == FloatType::bfloat16 ? 2 : 4) +
                                 (type == FloatType::bfloat16 ? tokens * 4 + 12 : 0);
    const Results cpu = by_cpu(example), none = by_cuda(example, chunk);
    for (const int whole : {0, 1, 3, chunks}) {
      INFO(name_of(type) << ", room for " << whole << " chunks");
      // Not aligned, and a byte short of one more.
      std::vector<std::byte> memory(1024 + std::size_t(whole + 1) * of_chunk, untouched);
      const std::size_t beside = 256 - reinterpret_cast<std::uintptr_t>(memory.data()) % 256 + 1;
      const std::size_t room = 255 + std::size_t(whole + 1) * of_chunk - 1;
      CountingExecutor executor(1);
      const Results kept =
          by_cuda(example, chunk, executor, std::span(memory).subspan(beside, room));
      CHECK(executor.products == 4 * chunks - std::min(whole, chunks));
      for (std::size_t i = 0; i < memory.size(); ++i)
        if (i < beside || i >= beside + room) REQUIRE(memory[i] == untouched);
      if (type == FloatType::bfloat16) {
        check_same(kept, cpu, 1. / 128);
        CHECK((kept.head.bytes != none.head.bytes) == (whole > 0));  // the codes were used
      } else {
        CHECK(kept.head.bytes == none.head.bytes);
        CHECK(kept.hidden.bytes == none.hidden.bytes);
      }
      CHECK(kept.log_probs == none.log_probs);
    }
  }
}

TEST_CASE(
    "the code of a kept logit is within half a step, 3.4e-4 of a probability, and ends at 2^-64") {
  CHECK(KeptLogit::code_of(0) == 0);
  CHECK(KeptLogit::code_of(1e-6f) == 0);  // the largest, off by a rounding
  Rng rng(5);
  for (int i = 0; i < 10000; ++i) {
    const auto y = float(-63.99 * rng.uniform());
    const float back = KeptLogit::below_of(KeptLogit::code_of(y));
    REQUIRE(std::abs(std::exp2(double(back) - double(y)) - 1) < 3.4e-4);
  }
  for (const float y : {-64.f, -1e4f, -INFINITY, NAN})
    CHECK(KeptLogit::below_of(KeptLogit::code_of(y)) == -65535.f / 1024);
}

TEST_CASE(
    "CUDA's fused head: kept codes move a probability by one rounding at most, the largest not") {
  Example example{.type = FloatType::bfloat16, .has_entropy = false, .spread = 8};
  example.gradient_type = FloatType::float32;
  // Slopes are -p: with hidden states that are unit vectors the head's gradient shows them.
  example.targets = {0, 1, 2, 3, 4};
  example.by_log_prob.assign(tokens, 1.f);
  Values unit(FloatType::bfloat16, tokens, depth);
  for (std::int64_t t = 0; t < tokens; ++t)
    for (std::int64_t c = 0; c < depth; ++c) unit.set(t, c, t == c ? 4.f : 0.f);
  example.hidden = unit;
  std::vector<std::byte> memory(
      linear_log_probs_kept_bytes(tokens, vocabulary, FloatType::bfloat16), untouched);
  cuda::HostExecutor executor(1);
  const Results none = by_cuda(example, 0), kept = by_cuda(example, 0, executor, memory);
  for (std::int64_t t = 0; t < tokens; ++t) {
    std::int64_t largest = tokens;
    for (std::int64_t v = tokens; v < vocabulary; ++v) {
      const double p = none.head(v, t), q = kept.head(v, t);
      REQUIRE(std::abs(q - p) <= 0x1p-7 * std::abs(p) + 1e-19);
      if (p < none.head(largest, t)) largest = v;
    }
    CHECK(kept.head(largest, t) == none.head(largest, t));
  }
}

TEST_CASE("CUDA's fused head: what keeps all logits on the CPU does so here") {
  for (const FloatType type : {FloatType::bfloat16, FloatType::float16, FloatType::float32})
    for (const std::int64_t n : {1, 5, 31, 32, 33, 1000, 8192, 70000})
      for (const std::int64_t v : {1, 7, 31, 32, 33, 255, 257, 511, 16385, 151936})
        for (const std::int64_t chunk : {0, 256, 264}) {
          INFO(name_of(type) << ' ' << n << " x " << v << ", chunks of " << chunk);
          const cuda::HeadPlan plan{
              {.hidden = {nullptr, type, n, 8, 8}, .head = {nullptr, type, v, 8, 8}, .targets = {}},
              chunk};
          // Memory that nobody touches, one byte off a vector.
          const std::span<std::byte> memory(reinterpret_cast<std::byte*>(std::uintptr_t(0x10001)),
                                            linear_log_probs_kept_bytes(n, v, type));
          const std::int64_t last = (v - 1) / plan.rows() * plan.rows();
          CHECK(cuda::HeadKept<std::byte>(memory, plan).has({last, v - last}));
        }
}

namespace {

struct Top {
  std::size_t k;
  std::vector<float> log_probs = std::vector<float>(tokens * k, 7.f);
  std::vector<std::int32_t> ids = std::vector<std::int32_t>(tokens * k, 7);

  [[nodiscard]] LinearLogProbsOutput output() {
    return {.top_k = k, .top_log_probs = log_probs, .top_ids = ids};
  }
};

}  // namespace

TEST_CASE("CUDA's fused head: the top k are the CPU's, whatever the chunk, in every type") {
  for (const FloatType type : {FloatType::float32, FloatType::bfloat16, FloatType::float16})
    for (const std::size_t k : {1, 12, 100, 300}) {
      Example example{.type = type, .temperature = 0.8f};
      for (std::int64_t c = 0; c < depth; ++c)  // ids 100 to 109 tie with one of another chunk
        for (std::int64_t r = 100; r < 110; ++r)
          example.head.set(r, c, float(example.head(250, c)));
      Top cpu{k};
      ThreadPool pool(1);
      linear_log_probs(example.input(), cpu.output(), pool);
      for (const std::int64_t chunk : {0, 64, 104}) {
        INFO(name_of(type) << ", k " << k << ", chunks of " << chunk);
        Top cuda{k};
        cuda::HostExecutor executor(k);
        const cuda::HeadPlan plan{example.input(), chunk, k};
        const std::size_t bytes = cuda::HeadSpace(cuda::Area(), plan).bytes;
        const cuda::HeadSpace space(cuda::Area(executor.space(bytes)), plan);
        cuda::linear_log_probs(executor, plan, cuda.output(), space);
        CHECK(largest_difference(cuda.log_probs, cpu.log_probs) < 1e-5);
        // Logits of other sums of products may change places, where their log-probs say so.
        for (std::size_t i = 0; i < cpu.ids.size(); ++i)
          if (cuda.ids[i] != cpu.ids[i]) {
            const std::size_t near = i % k > 0 ? i - 1 : i + 1;
            CHECK((std::abs(cpu.log_probs[i] - cpu.log_probs[near]) < 1e-5f ||
                   (i % k + 1 < k && std::abs(cpu.log_probs[i] - cpu.log_probs[i + 1]) < 1e-5f)));
          }
        for (std::size_t t = 0; t < std::size_t(tokens); ++t) {
          std::vector<std::int32_t> sorted(cuda.ids.begin() + std::ptrdiff_t(t * k),
                                           cuda.ids.begin() + std::ptrdiff_t((t + 1) * k));
          std::ranges::sort(sorted);
          if (example.targets[t] < 0)
            CHECK(sorted == std::vector<std::int32_t>(k, -1));
          else
            CHECK(std::ranges::adjacent_find(sorted) == sorted.end());
          std::vector<std::int32_t> tied;  // in the order in which they were given
          for (std::size_t i = t * k; i < (t + 1) * k; ++i)
            if (const auto id = cuda.ids[i]; id == 250 || (id >= 100 && id < 110))
              tied.push_back(id);
          CHECK(std::ranges::is_sorted(tied));
        }
      }
    }
}

TEST_CASE("CUDA's fused head: a target beyond the vocabulary gives NaN, not a read out of bounds") {
  Example example{.type = FloatType::float32};
  example.targets[1] = vocabulary + 1;
  const Results results = by_cuda(example, 128);
  CHECK(std::isnan(results.log_probs[1]));
  CHECK(std::isfinite(results.entropy[1]));
  CHECK(std::isfinite(results.log_probs[0]));
}

TEST_CASE(
    "CUDA's fused head: an ignored token's hidden state may be NaN but for the head's gradient") {
  for (const FloatType type : {FloatType::bfloat16, FloatType::float32}) {
    Example example{.type = type};
    const Results expected = by_cuda(example, 96);
    for (std::int64_t c = 0; c < depth; ++c) example.hidden.set(2, c, std::nanf(""));
    const Results results = by_cuda(example, 96);
    CHECK(results.log_probs == expected.log_probs);
    CHECK(results.entropy == expected.entropy);
    CHECK(results.hidden.bytes == expected.hidden.bytes);
    for (std::int64_t c = 0; c < depth; ++c) REQUIRE(results.hidden(2, c) == 0);
  }
}

TEST_CASE("CUDA's fused head: without tokens the head's gradient is zero") {
  Example example{.type = FloatType::bfloat16};
  Values head(FloatType::bfloat16, vocabulary + padding, depth, 1);
  const cuda::HeadPlan plan{{.hidden = {nullptr, FloatType::bfloat16, 0, depth, depth},
                             .head = std::as_const(example.head).view(),
                             .targets = {},
                             .vocabulary = vocabulary}};
  const LinearLogProbsGradient gradient{.hidden = {}, .head = head.view()};
  cuda::HostExecutor executor(1);
  const cuda::HeadSpace space(cuda::Area(executor.space(1024)), plan, gradient);
  cuda::linear_log_probs(executor, plan, {}, space);
  cuda::linear_log_probs_backward(executor, plan, {}, {}, {}, gradient, space);
  for (std::int64_t r = 0; r < head.rows; ++r)
    for (std::int64_t c = 0; c < depth; ++c) REQUIRE(head(r, c) == 0);
}

TEST_CASE("what a call of CUDA's fused head needs of work space is what its header says") {
  Example example{.type = FloatType::bfloat16};
  const cuda::HeadPlan plan{{.hidden = {nullptr, FloatType::bfloat16, 8192, 4096, 4096},
                             .head = {nullptr, FloatType::bfloat16, 151936, 4096, 4096},
                             .targets = {}}};
  CHECK(plan.rows() == 2048);
  const std::size_t n = 8192, c = 2048;
  CHECK(cuda::HeadSpace(cuda::Area(), plan).bytes == 4 * n * c + 40 * n);
  CHECK(cuda::HeadSpace(cuda::Area(), {plan.input, 0, 20}).bytes ==
        4 * n * c + 40 * n + 16 * n * 20);
  const LinearLogProbsGradient gradient{{&example, FloatType::bfloat16, 8192, 4096, 4096}, {}};
  CHECK(cuda::HeadSpace(cuda::Area(), plan, gradient).bytes ==
        6 * n * c + 40 * n + 28 * n + 4 * n * 4096);
}
