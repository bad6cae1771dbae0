// The fused row functions against the same formulas written with ATen, forward and backward.
#include <visplay/core/error.hpp>
#include <visplay/tensor/rowwise.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <functional>

using namespace visplay;

namespace {

using Function = std::function<at::Tensor(const std::vector<at::Tensor>&)>;

// Largest difference of values and of gradients, relative to the largest value.
void check_same(const Function& ours, const Function& theirs, std::vector<at::Tensor> inputs) {
  const auto run = [&](const Function& f) {
    std::vector<at::Tensor> leaves;
    for (const auto& t : inputs) leaves.push_back(t.clone().set_requires_grad(true));
    const auto y = f(leaves);
    at::manual_seed(5);
    y.backward(at::randn_like(y.detach()));
    std::vector<at::Tensor> results{y.detach()};
    for (const auto& leaf : leaves) results.push_back(leaf.grad());
    return results;
  };
  const auto a = run(ours), b = run(theirs);
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double scale = 1e-6 + b[i].abs().max().item<double>();
    CHECK((a[i] - b[i]).abs().max().item<double>() / scale < 2e-6);
  }
}

}  // namespace

TEST_CASE("rms_norm, value and gradients, is the formula in ATen") {
  const auto dim = GENERATE(5, 16, 64, 100);
  at::manual_seed(1);
  const auto theirs = [](const std::vector<at::Tensor>& in) {
    return in[0] * at::rsqrt(in[0].pow(2).mean(-1, true) + 1e-5) * in[1];
  };
  check_same([](const auto& in) { return rms_norm(in[0], in[1], 1e-5); }, theirs,
             {at::randn({700, dim}), at::randn({dim})});
}

TEST_CASE("rotate, value and gradient, is x cos + half-turned x sin") {
  at::manual_seed(2);
  const auto angle = at::randn({9, 6});
  const auto theirs = [&](const std::vector<at::Tensor>& in) {
    const auto halves = in[0].chunk(2, -1);
    const auto turned = at::cat({-halves[1], halves[0]}, -1);
    const auto both = at::cat({angle, angle}, -1).unsqueeze(1);
    return in[0] * both.cos() + turned * both.sin();
  };
  check_same([&](const auto& in) { return rotate(in[0], angle.cos(), angle.sin()); }, theirs,
             {at::randn({9, 3, 12})});
}

TEST_CASE("silu_gate, value and gradients, is silu(gate) * up") {
  at::manual_seed(3);
  check_same([](const auto& in) { return silu_gate(in[0], in[1]); },
             [](const auto& in) { return at::silu(in[0]) * in[1]; },
             {at::randn({33, 37}) * 4, at::randn({33, 37})});
}

TEST_CASE("functions of rows refuse tensors that do not fit") {
  const auto x = at::randn({4, 6}), weight = at::randn({6});
  CHECK_NOTHROW(rms_norm(x, weight, 1e-5));
  CHECK_THROWS_AS(rms_norm(at::randn({2, 4, 6}), weight, 1e-5), Error);
  CHECK_THROWS_AS(rms_norm(x, at::randn({5}), 1e-5), Error);
  CHECK_THROWS_AS(rms_norm(x, at::randn({12}).slice(0, 0, 12, 2), 1e-5), Error);
  CHECK_THROWS_AS(rms_norm(x, weight.to(at::kBFloat16), 1e-5), Error);

  const auto rows = at::randn({4, 2, 6}), angles = at::randn({4, 6}), half = at::randn({4, 3});
  CHECK_NOTHROW(rotate(rows, half, half));
  CHECK_THROWS_AS(rotate(rows, half, at::randn({3, 3})), Error);
  CHECK_THROWS_AS(rotate(rows, angles.slice(1, 0, 3), angles.slice(1, 0, 3)), Error);
  CHECK_THROWS_AS(rotate(rows, half.to(at::kDouble), half), Error);

  CHECK_THROWS_AS(silu_gate(x, at::randn({6, 4})), Error);
  CHECK(silu_gate(at::randn({3, 0}), at::randn({3, 0})).numel() == 0);
}
