// A linear layer in bfloat16 as the model calls it, and ATen's in the same program: forward, and forward
// with the gradient of x. Shapes of the 3B: a prompt with an image, and the vision tower's patches.
// Rows 0 and N - 1 are compared with float64.
//
//   linear/N/in/out/threads   aten_linear/...   linear_with_gradient/...   aten_linear_with_gradient/...
#include <visplay/tensor/linear.hpp>

#include <benchmarks/work.hpp>

namespace {

using namespace visplay;

struct Layer {
  at::Tensor x, weight;

  explicit Layer(const benchmark::State& state) {
    at::manual_seed(1);
    const std::int64_t rows = state.range(0), in = state.range(1), out = state.range(2);
    at::set_num_threads(int(state.range(3)));
    x = at::randn({rows, in}).to(at::kBFloat16);
    weight = (0.02 * at::randn({out, in})).to(at::kBFloat16);
  }
};

/// The largest error in units of the sizes of what is summed.
double error_of(const Layer& layer, const at::Tensor& y) {
  const auto some = at::tensor({std::int64_t(0), layer.x.size(0) - 1});
  const auto x = layer.x.detach().index_select(0, some).to(at::kDouble);
  const auto weight = layer.weight.to(at::kDouble);
  const auto exact = at::linear(x, weight), sizes = at::linear(x.abs(), weight.abs());
  const auto found = y.detach().index_select(0, some).to(at::kDouble);
  const auto allowed = exact.abs() * 0x1p-8 + sizes * 1e-6;
  return ((found - exact).abs() / allowed).max().item<double>();
}

template <class Function>
void run(benchmark::State& state, bool with_gradient, const Function& function) {
  Layer layer(state);
  layer.x.set_requires_grad(with_gradient);
  const at::AutoGradMode mode(with_gradient);
  at::Tensor y = function(layer.x, layer.weight);
  declare_error(state, error_of(layer, y), 1);
  const at::Tensor slope = at::randn(y.sizes()).to(at::kBFloat16);
  for (auto _ : state) {
    y = function(layer.x, layer.weight);
    if (with_gradient) {
      layer.x.mutable_grad() = at::Tensor();
      y.backward(slope);
    }
  }
  const double rows = double(state.range(0)), in = double(state.range(1)),
               out = double(state.range(2)), passes = with_gradient ? 2 : 1;
  declare(state, {.flop = passes * 2 * rows * in * out,
                  .read = passes * 2 * in * out,
                  .written = 2 * rows * out});
}

const auto ours = [](const at::Tensor& x, const at::Tensor& weight) {
  return visplay::linear(x, weight);
};
const auto atens = [](const at::Tensor& x, const at::Tensor& weight) {
  return at::linear(x, weight);
};

void shapes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"N", "in", "out", "threads"})->UseRealTime()->Unit(benchmark::kMillisecond);
  b->Args({1012, 2048, 11008, 2})
      ->Args({1012, 11008, 2048, 2})
      ->Args({3968, 1280, 3420, 2})
      ->Args({1, 2048, 11008, 2})
      ->Args({4, 2048, 11008, 2});
}
BENCHMARK_CAPTURE(run, ours, false, ours)->Name("linear")->Apply(shapes);
BENCHMARK_CAPTURE(run, atens, false, atens)->Name("aten_linear")->Apply(shapes);
BENCHMARK_CAPTURE(run, ours, true, ours)->Name("linear_with_gradient")->Apply(shapes);
BENCHMARK_CAPTURE(run, atens, true, atens)->Name("aten_linear_with_gradient")->Apply(shapes);

}  // namespace
