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

TEST_CASE("four hundred steps are those of torch's fused AdamW with clip_grad_norm_") {
  at::manual_seed(1);
  std::vector<at::Tensor> theirs{at::randn({300, 70}), at::randn({1037}), at::randn({5})};
  std::vector<at::Tensor> ours, first, second, torch_first, torch_second, steps;
  for (const auto& t : theirs) {
    ours.push_back(t.clone());
    for (auto* moments : {&first, &second, &torch_first, &torch_second})
      moments->push_back(at::zeros_like(t));
    steps.push_back(at::zeros({}, at::kFloat));
  }
  ThreadPool pool(2);
  for (int step = 1; step <= 400; ++step) {
    std::vector<at::Tensor> gradients;
    for (const auto& t : theirs) gradients.push_back(at::randn_like(t) * 0.01 + 0.02 * t);
    std::vector<AdamWTensor> views;
    for (std::size_t i = 0; i < theirs.size(); ++i)
      views.push_back(
          {floats(ours[i]), floats(gradients[i]), floats(first[i]), floats(second[i]), 0.01f});
    const double norm = adamw_step(std::span<const AdamWTensor>(views),
                                   {.step = step, .learning_rate = 1e-3, .max_grad_norm = 1}, pool);
    std::vector<at::Tensor> norms;
    for (const auto& g : gradients) norms.push_back(g.norm());
    const double torch_norm = at::stack(norms).norm().item<double>();
    REQUIRE(std::abs(norm / torch_norm - 1) < 1e-5);
    for (auto& g : gradients) g.mul_(std::min(1., 1 / (torch_norm + 1e-6)));
    for (auto& count : steps) count.add_(1);
    at::_fused_adamw_(theirs, gradients, torch_first, torch_second, {}, steps, 1e-3, 0.9, 0.999,
                      0.01, 1e-8, false, false);
  }
  for (std::size_t i = 0; i < theirs.size(); ++i) {
    // Both round a weight 400 times, each time by up to half a unit in the last place. For weights of
    // 2 to 4 that is a walk of 800 steps of 6.9e-8: 2e-6, of which the largest of 21,000 is four times.
    const at::Tensor away = (ours[i] - theirs[i]).abs();
    CHECK(away.square().mean().sqrt().item<float>() < 2e-6f);
    CHECK(away.max().item<float>() < 1e-5f);
    CHECK((first[i] - torch_first[i]).abs().max().item<float>() < 1e-6f);
    CHECK(at::allclose(second[i], torch_second[i], 1e-5, 1e-12));
  }
}
