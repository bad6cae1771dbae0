// Functions of tensors that are a GPU's. Built twice: with VISPLAY_CUDA for a GPU, and always for a device that is
// one as far as libtorch can tell: the autograd functions, the launchers of visplay::cuda and the kernels are
// those of a GPU, the memory is the host's.
#ifndef VISPLAY_CUDA
#define VISPLAY_CUDA
#define VISPLAY_CUDA_DEVICE at::kPrivateUse1
#include "support/host_gpu.hpp"
#include "support/host_stream.hpp"

#include <visplay/core/error.hpp>
#include <visplay/kernels/cuda/launch.cpp>
#include <visplay/tensor/linear_log_probs.ipp>
#include <visplay/tensor/objective.ipp>
#endif

#include <visplay/loss/presets.hpp>
#include <visplay/tensor/linear_log_probs.hpp>
#include <visplay/tensor/objective.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

// The example is a trainer on whatever device it is given; main is for the program of its own.
#define main torch_trainer_main
#include "../../examples/torch_trainer.cpp"
#undef main

using namespace visplay;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace {

const at::Device device(VISPLAY_CUDA_DEVICE, 0);

#define NEED_DEVICE() \
  if (c10::impl::VirtualGuardImpl(VISPLAY_CUDA_DEVICE).deviceCount() == 0) SKIP("no GPU")

struct Example {
  at::Tensor hidden, head, targets, by_log_prob, by_entropy;

  explicit Example(at::ScalarType type) {
    at::manual_seed(4);
    hidden = at::randn({9, 24}).to(type);
    head = (at::randn({700, 24}) * 0.6).to(type);
    targets = at::randint(700, {9}, at::kLong);
    targets[4] = -1;
    by_log_prob = at::randn({9}), by_entropy = at::randn({9});
  }
  [[nodiscard]] Example on_gpu() const {
    Example there(*this);
    for (at::Tensor* t :
         {&there.hidden, &there.head, &there.targets, &there.by_log_prob, &there.by_entropy})
      *t = t->to(device);
    return there;
  }
  /// log-probs, entropy and the gradients of hidden and head.
  [[nodiscard]] TensorList results(std::int64_t kept_bytes) const {
    const auto x = hidden.clone().requires_grad_(), w = head.clone().requires_grad_();
    const TokenLogProbs tokens = linear_log_probs(x, w, targets, 0.8, kept_bytes);
    (by_log_prob * tokens.log_probs + by_entropy * tokens.entropy).sum().backward();
    return {tokens.log_probs.detach(), tokens.entropy.detach(), x.grad(), w.grad()};
  }
};

/// In units of the largest of `expected`.
double difference(const at::Tensor& ours, const at::Tensor& expected) {
  const auto exact = expected.to(at::kDouble);
  const auto d = (ours.to(at::kCPU).to(at::kDouble) - exact).abs().max();
  return (d / exact.abs().max()).item<double>();
}

}  // namespace

TEST_CASE("linear_log_probs of a GPU's tensors, and its gradients, are those of the CPU's") {
  NEED_DEVICE();
  const auto type = GENERATE(at::kFloat, at::kBFloat16, at::kHalf);
  const std::int64_t kept_bytes = GENERATE(0, 1, default_kept_bytes);
  INFO(c10::toString(type) << ", " << kept_bytes << " bytes for logits");
  const Example example(type);
  const TensorList cpu = example.results(kept_bytes), gpu = example.on_gpu().results(kept_bytes);
  const double rounding = type == at::kFloat ? 2e-6 : type == at::kHalf ? 1e-3 : 8e-3;
  for (std::size_t i = 0; i < cpu.size(); ++i) {
    CHECK(gpu[i].device() == device);
    CHECK(gpu[i].scalar_type() == cpu[i].scalar_type());
    CHECK(difference(gpu[i], cpu[i]) < (i < 2 ? 2e-6 : rounding));
  }
}

TEST_CASE("logits of a GPU's tensors are kept: codes of bfloat16 show, float32 has the same bits") {
  NEED_DEVICE();
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    const Example example = Example(type).on_gpu();
    const TensorList kept = example.results(default_kept_bytes), none = example.results(0);
    for (const std::size_t i : {2, 3})
      CHECK(at::equal(kept[i].to(at::kCPU), none[i].to(at::kCPU)) == (type == at::kFloat));
  }
}

TEST_CASE("calls of a GPU's tensors that wait for their backward pass keep their logits apart") {
  NEED_DEVICE();
  const Example example = Example(at::kFloat).on_gpu();
  const auto x = example.hidden.clone().requires_grad_(), y = (2 * example.hidden).requires_grad_();
  const auto loss = [&](const at::Tensor& hidden) {
    return linear_log_probs(hidden, example.head, example.targets).log_probs.sum();
  };
  const auto of_x = loss(x), of_y = loss(y);
  of_x.backward(), of_y.backward();
  const auto again = example.hidden.clone().requires_grad_();
  loss(again).backward();
  CHECK(at::equal(x.grad().to(at::kCPU), again.grad().to(at::kCPU)));
  CHECK(difference(y.grad(), x.grad().to(at::kCPU)) > 0.01);
}

TEST_CASE("the one call of linear_log_probs hands memory of the GPU to the objective") {
  NEED_DEVICE();
  const Example example(at::kBFloat16), there = example.on_gpu();
  const auto one_call = [](const Example& e) {
    return linear_log_probs_with_gradient(
        e.hidden, e.head, e.targets, 1, [&](std::span<const float> log_probs, auto) {
          if (e.hidden.device() == device) {  // one inside the other
            const at::NoGradGuard no_gradient;
            (void)linear_log_probs(e.hidden, e.head, e.targets);
          }
          return LinearLogProbsCoefficients{
              {e.by_log_prob.const_data_ptr<float>(), log_probs.size()}, {}};
        });
  };
  const auto cpu = one_call(example), gpu = one_call(there);
  CHECK(gpu.head_gradient.device() == device);
  CHECK(difference(gpu.tokens.log_probs, cpu.tokens.log_probs) < 2e-6);
  CHECK(difference(gpu.hidden_gradient, cpu.hidden_gradient) < 8e-3);
  CHECK(difference(gpu.head_gradient, cpu.head_gradient) < 8e-3);
}

TEST_CASE("objective_loss of a GPU's tensors takes a stream, and gives the loss there") {
  NEED_DEVICE();
  const auto offsets = at::tensor({0, 5, 5, 9}, at::kLong),
             advantages = at::tensor({1.5, 2., -0.5});
  const auto advantages_float = advantages.to(at::kFloat), old = -at::rand({9}),
             entropy = at::rand({9});
  const auto now = old + 0.3 * at::randn({9});
  const Objective<> objective{.kl_coefficient = 0, .entropy_coefficient = 0.05f};
  const auto run = [&](const at::Device& where, auto& executes) {
    const auto to = [&](const at::Tensor& t) { return t.to(where); };
    const at::Tensor borders = to(offsets), gains = to(advantages_float), before = to(old);
    const auto log_probs = to(now).detach().requires_grad_();
    const auto entropies = to(entropy).detach().requires_grad_();
    const TokenBatch batch{.offsets = {borders.const_data_ptr<std::int64_t>(), 4},
                           .advantages = view_of(gains),
                           .old_log_probs = view_of(before)};
    const ObjectiveLoss result = objective_loss(objective, log_probs, entropies, batch,
                                                {.completions = 3, .tokens = 9}, executes);
    CHECK(result.loss.device() == log_probs.device());
    (result.loss * 3).backward();
    return TensorList{result.loss.detach(), log_probs.grad(), entropies.grad()};
  };
  ThreadPool pool(1);
  cuda::Stream stream;
  const TensorList cpu = run(at::kCPU, pool), gpu = run(device, stream);
  for (std::size_t i = 0; i < cpu.size(); ++i) CHECK(difference(gpu[i], cpu[i]) < 1e-6);
}

TEST_CASE("tensors of two devices are refused in a sentence") {
  NEED_DEVICE();
  const Example here(at::kFloat), there = here.on_gpu();
  const auto refuses = [](const char* message) {
    return MessageMatches(ContainsSubstring(message));
  };
  CHECK_THROWS_MATCHES(linear_log_probs(there.hidden, here.head, there.targets), Error,
                       refuses("on one device"));
  CHECK_THROWS_MATCHES(linear_log_probs(there.hidden, there.head, here.targets), Error,
                       refuses("on one device"));
  ThreadPool pool(1);
  cuda::Stream stream;
  const Objective<> objective;
  const auto loss = [&](const at::Tensor& log_probs, auto& where) {
    return objective_loss(objective, log_probs, at::Tensor(), TokenBatch{}, BatchTotals{}, where);
  };
  CHECK_THROWS_MATCHES(loss(there.by_log_prob, pool), Error,
                       refuses("on the CPU for a ThreadPool"));
  CHECK_THROWS_MATCHES(loss(here.by_log_prob, stream), Error, refuses("of the stream's GPU"));
}

TEST_CASE("examples/torch_trainer.cpp trains on a GPU as on the CPU") {
  NEED_DEVICE();
  cuda::Stream stream(current_stream(device));
  ThreadPool pool(1);
  constexpr std::int64_t steps = 5;
  // A rounding may change a letter that is drawn, one of 384.
  CHECK(std::abs(train(device, stream, steps) - train(at::kCPU, pool, steps)) < 0.02);
}
