// A step of AdamW with clipping over N million elements in tensors of 8 million; 32 and 12 bytes an
// element. The first step is compared with float64. benchmarks/peers/adamw.py runs torch beside it.
//
//   adamw_float32/millions/threads
//   adamw_compact/millions/threads          bfloat16 weights and gradients, 8-bit moments
//   adamw_at/level/compact                  16 million on one thread, at a level of instruction set
#include <visplay/kernels/adamw.hpp>

#include <benchmarks/work.hpp>

#include <algorithm>
#include <cmath>
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

// FLOP: of the norm and the update, a root and a quotient counted as one each.
struct Float32 {
  using Number = float;
  static constexpr Work an_element{.flop = 16, .read = 20, .written = 12};
  static constexpr double weight_bound = 1e-7, moment_bound = 1e-5;
  using Tensor = AdamWTensor;
  struct State {
    std::vector<float> weights, gradients, first, second;
    explicit State(std::size_t n)
        : weights(pattern<float>(n, 1)), gradients(pattern<float>(n, 1e-3f)), first(n), second(n) {}
    Tensor view() { return {weights, gradients, first, second, 0.01f}; }
    [[nodiscard]] double moment(std::size_t i) const { return double(first[i]); }
  };
};

struct Compact {
  using Number = BFloat16;
  static constexpr Work an_element{.flop = 22, .read = 8, .written = 4};
  static constexpr double weight_bound = 0x1p-8, moment_bound = 0.13;  // steps of the codes
  using Tensor = CompactAdamWTensor;
  struct State {
    std::vector<BFloat16> weights, gradients;
    CompactMoments moments;
    explicit State(std::size_t n)
        : weights(pattern<BFloat16>(n, 1)), gradients(pattern<BFloat16>(n, 1e-3f)), moments(n) {}
    Tensor view() { return {weights, gradients, &moments, 0.01f}; }
    [[nodiscard]] double moment(std::size_t i) const { return double(moments.first_at(i)); }
  };
};

/// The first elements of a tensor after the first step, from moments of zero, against the formula.
template <class Kind>
void compare_with_float64(benchmark::State& state, const typename Kind::State& tensor,
                          const AdamWStep& step, double norm) {
  using Number = typename Kind::Number;
  constexpr std::size_t some = 4096;
  const auto weights = pattern<Number>(some, 1), gradients = pattern<Number>(some, 1e-3f);
  const double scale = std::min(1., step.max_grad_norm / (norm + 1e-6));
  double worst_weight = 0, worst_moment = 0;  // absolute, relative
  for (std::size_t i = 0; i < some; ++i) {
    const double g = scale * double(gradients[i]), moment = (1 - step.beta1) * g;
    const double weight = (1 - step.learning_rate * double(0.01f)) * double(weights[i]) -
                          step.learning_rate * g / (std::abs(g) + step.eps);
    worst_weight = larger(worst_weight, std::abs(double(tensor.weights[i]) - weight));
    if (std::abs(double(gradients[i])) > 1e-5)  // far above the smallest code of 8 bits
      worst_moment = larger(worst_moment, std::abs(tensor.moment(i) / moment - 1));
  }
  declare_error(state, worst_weight, Kind::weight_bound);
  declare_error(state, worst_moment, Kind::moment_bound);
}

template <class Kind>
void step_repeatedly(benchmark::State& state, std::size_t millions, int threads) {
  std::deque<typename Kind::State> states;
  std::vector<typename Kind::Tensor> views;
  std::size_t left = millions * 1000000;
  double squares = 0;
  while (left > 0) {
    const std::size_t n = std::min(left, tensor_elements);
    views.push_back(states.emplace_back(n).view());
    for (const auto& g : states.back().gradients) squares += double(g) * double(g);
    left -= n;
  }
  ThreadPool pool(threads);
  AdamWStep step{.learning_rate = 1e-6, .max_grad_norm = 1};
  const auto take = [&] {
    const double norm = adamw_step(std::span<const typename Kind::Tensor>(views), step, pool);
    ++step.step;
    return norm;
  };
  const AdamWStep first = step;
  const double norm = take();
  declare_error(state, std::abs(norm / std::sqrt(squares) - 1), 1e-6);
  compare_with_float64<Kind>(state, states.front(), first, norm);
  for (auto _ : state) benchmark::DoNotOptimize(take());
  const double elements = double(millions) * 1e6;
  constexpr Work each = Kind::an_element;
  declare(state, {each.flop * elements, each.read * elements, each.written * elements});
}

void adamw_float32(benchmark::State& state) {
  step_repeatedly<Float32>(state, std::size_t(state.range(0)), int(state.range(1)));
}
void adamw_compact(benchmark::State& state) {
  step_repeatedly<Compact>(state, std::size_t(state.range(0)), int(state.range(1)));
}
void adamw_at(benchmark::State& state) {
  const AtLevel level(state, state.range(0));
  if (!level) return;
  state.range(1) ? step_repeatedly<Compact>(state, 16, 1) : step_repeatedly<Float32>(state, 16, 1);
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
