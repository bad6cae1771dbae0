#include <visplay/core/rng.hpp>
#include <visplay/kernels/adamw.hpp>
#include <visplay/train/optimizer.hpp>

#include <ATen/ATen.h>
#include <catch2/catch_test_macros.hpp>

#include <cmath>

using namespace visplay;

namespace {

std::span<float> floats(const at::Tensor& t) {
  return {t.data_ptr<float>(), std::size_t(t.numel())};
}

}  // namespace

TEST_CASE("four hundred steps stray no further from float64 than those of torch's fused AdamW") {
  at::manual_seed(1);
  std::vector<at::Tensor> theirs{at::randn({300, 70}), at::randn({1037}), at::randn({5})};
  std::vector<at::Tensor> ours, first, second, exact, steps;
  std::vector<at::Tensor> torch_first, torch_second, exact_first, exact_second;
  for (const auto& t : theirs) {
    ours.push_back(t.clone()), exact.push_back(t.to(at::kDouble));
    for (auto* moments : {&first, &second, &torch_first, &torch_second})
      moments->push_back(at::zeros_like(t));
    for (auto* moments : {&exact_first, &exact_second})
      moments->push_back(at::zeros_like(exact.back()));
    steps.push_back(at::zeros({}, at::kFloat));
  }
  const auto torch_step = [&](at::TensorList weights, at::TensorList gradients, at::TensorList m,
                              at::TensorList v) {
    at::_fused_adamw_(weights, gradients, m, v, {}, steps, 1e-3, 0.9, 0.999, 0.01, 1e-8, false,
                      false);
  };
  ThreadPool pool(2);
  for (int step = 1; step <= 400; ++step) {
    std::vector<at::Tensor> gradients, exact_gradients;
    for (const auto& t : theirs) gradients.push_back(at::randn_like(t) * 0.01 + 0.02 * t);
    std::vector<AdamWTensor> views;
    for (std::size_t i = 0; i < theirs.size(); ++i)
      views.push_back(
          {floats(ours[i]), floats(gradients[i]), floats(first[i]), floats(second[i]), 0.01f});
    const double norm = adamw_step(std::span<const AdamWTensor>(views),
                                   {.step = step, .learning_rate = 1e-3, .max_grad_norm = 1}, pool);
    double squares = 0;
    for (const auto& g : gradients) squares += g.to(at::kDouble).square().sum().item<double>();
    const double scale = std::min(1., 1 / (std::sqrt(squares) + 1e-6));
    REQUIRE(std::abs(norm / std::sqrt(squares) - 1) < 1e-6);
    for (auto& g : gradients) exact_gradients.push_back(g.to(at::kDouble) * scale), g.mul_(scale);
    for (auto& count : steps) count.add_(1);
    torch_step(theirs, gradients, torch_first, torch_second);
    torch_step(exact, exact_gradients, exact_first, exact_second);
  }
  const auto strays = [](const at::Tensor& t, const at::Tensor& from) {
    return (t - from).abs().max().item<double>();
  };
  for (std::size_t i = 0; i < theirs.size(); ++i) {
    CHECK(strays(ours[i], exact[i]) < 1.5 * strays(theirs[i], exact[i]));
    CHECK(strays(first[i], exact_first[i]) < 1e-6);
    CHECK(at::allclose(second[i].to(at::kDouble), exact_second[i], 1e-5, 1e-12));
  }
}
