// linear() against ATen's in double, value and gradients, through the kernel at every level and through
// whatever it chooses itself.
#include <visplay/tensor/linear.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <functional>

#include "support/simd_levels.hpp"

using namespace visplay;
using visplay::testing::at_every_level;

namespace {

using Layer = std::function<at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&)>;

const Layer by_kernel = [](const auto& x, const auto& weight, const auto& bias) {
  return visplay::detail::LinearFunction::apply(
      x, weight, bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt);
};
const Layer by_choice = [](const auto& x, const auto& weight, const auto& bias) {
  return visplay::linear(x, weight, bias);
};
const Layer by_aten = [](const auto& x, const auto& weight, const auto& bias) {
  return bias.defined() ? at::linear(x, weight, bias) : at::linear(x, weight);
};

/// y, then the gradients of x, weight and bias for fixed gradients of y.
std::vector<at::Tensor> results(const Layer& layer, std::vector<at::Tensor> in,
                                at::ScalarType type) {
  for (auto& t : in)
    if (t.defined()) t = t.to(type).clone().set_requires_grad(true);
  const at::Tensor y = layer(in[0], in[1], in[2]);
  at::manual_seed(5);
  y.backward(at::randn(y.sizes()).to(at::kBFloat16).to(type));
  std::vector<at::Tensor> all{y.detach()};
  for (const auto& t : in)
    if (t.defined()) all.push_back(t.grad());
  return all;
}

/// Of bfloat16 values: one rounding, and the rounding of the sum's terms in float32.
void check_close(const std::vector<at::Tensor>& ours, const std::vector<at::Tensor>& exact) {
  REQUIRE(ours.size() == exact.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    CAPTURE(i);
    REQUIRE(ours[i].sizes() == exact[i].sizes());
    CHECK(ours[i].scalar_type() == at::kBFloat16);
    const auto allowed = exact[i].abs() * 0x1p-8 + 1e-5 * exact[i].abs().max();
    CHECK(((ours[i].to(at::kDouble) - exact[i]).abs() / allowed).max().item<double>() < 1);
  }
}

}  // namespace

TEST_CASE("linear, value and gradients, is x W^T + b rounded once") {
  const bool with_bias = GENERATE(false, true);
  const auto shape =
      GENERATE(std::vector<std::int64_t>{64, 96}, std::vector<std::int64_t>{3, 21, 50},
               std::vector<std::int64_t>{5, 130});  // so few rows go another way
  at::manual_seed(1);
  const auto random = [](at::IntArrayRef sizes) { return at::randn(sizes).to(at::kBFloat16); };
  const std::vector<at::Tensor> in{random(shape), random({70, shape.back()}),
                                   with_bias ? random({70}) : at::Tensor()};
  const auto exact = results(by_aten, in, at::kDouble);
  at_every_level([&] {
    check_close(results(by_kernel, in, at::kBFloat16), exact);
    check_close(results(by_choice, in, at::kBFloat16), exact);
  });
}

TEST_CASE("linear gives each row the same bits whatever rows come with it") {
  at::manual_seed(2);
  const at::Tensor x = at::randn({2100, 130}).to(at::kBFloat16),
                   weight = at::randn({40, 130}).to(at::kBFloat16);
  at_every_level([&] {
    const at::Tensor all = by_kernel(x, weight, {});
    for (const std::int64_t first : {0, 7, 1060})
      CHECK(by_kernel(x.slice(0, first, first + 70), weight, {})
                .equal(all.slice(0, first, first + 70)));
  });
}

TEST_CASE("linear keeps x for the backward pass only if the weight wants a gradient") {
  at::manual_seed(3);
  const bool frozen = GENERATE(false, true);
  const at::Tensor weight = at::randn({8, 16}).to(at::kBFloat16).set_requires_grad(!frozen);
  at_every_level([&] {
    const at::Tensor leaf = at::randn({40, 16}).to(at::kBFloat16).set_requires_grad(true);
    const at::Tensor x = leaf * 1;
    const at::Tensor y = by_kernel(x, weight, {});
    CHECK(x.use_count() == (frozen ? 1 : 2));
    y.sum().backward();
    const auto column_sums = weight.detach().to(at::kDouble).sum(0).expand({40, 16});
    CHECK(at::allclose(leaf.grad().to(at::kDouble), column_sums, 0x1p-8, 1e-5));
    CHECK(weight.grad().defined() == !frozen);
  });
}

TEST_CASE("linear leaves float32 to ATen") {
  const at::Tensor a = at::randn({40, 16}), b = at::randn({8, 16});
  CHECK(visplay::linear(a, b).equal(at::linear(a, b)));
}
