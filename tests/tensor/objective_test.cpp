#include <visplay/core/rng.hpp>
#include <visplay/loss/evaluate_plain.hpp>
#include <visplay/loss/presets.hpp>
#include <visplay/tensor/objective.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <vector>

using namespace visplay;
using Catch::Matchers::WithinAbs;

namespace {

struct Example {
  std::vector<std::int64_t> offsets{0, 5, 5, 12};
  std::vector<float> advantages{1.5f, 2, -0.5f};
  at::Tensor log_probs = at::empty({12}), old = at::empty({12}), ref = at::empty({12}),
             entropy = at::empty({12});

  Example() {
    Rng rng(3);
    for (int t = 0; t < 12; ++t) {
      const double at = -std::abs(rng.normal());
      old[t] = at, log_probs[t] = at + 0.3 * rng.normal(), ref[t] = at + 0.3 * rng.normal();
      entropy[t] = rng.uniform(0, 3);
    }
    log_probs.requires_grad_();
    entropy.requires_grad_();
  }
  [[nodiscard]] TokenBatch constants() const {
    return {.offsets = offsets,
            .advantages = advantages,
            .old_log_probs = view_of(old),
            .ref_log_probs = view_of(ref)};
  }
  template <class Objective>
  [[nodiscard]] ObjectiveLoss loss(const Objective& objective) const {
    ThreadPool pool(1);
    return objective_loss(objective, log_probs, entropy, constants(), totals_of(offsets), pool);
  }
  /// The same in eager tensors: GRPO with k3 and an entropy bonus.
  [[nodiscard]] at::Tensor eager(const Objective<>& o) const {
    at::Tensor sum = at::zeros({});
    for (const int c : {0, 2}) {
      const auto part = [&](const at::Tensor& of) {
        return of.slice(0, offsets[c], offsets[c + 1]);
      };
      const at::Tensor ratio = (part(log_probs) - part(old)).exp();
      const at::Tensor d = part(ref) - part(log_probs);
      const at::Tensor clipped = ratio.clamp(1 - o.loss.clip_low, 1 + o.loss.clip_high);
      const at::Tensor loss = -at::minimum(ratio * advantages[c], clipped * advantages[c]) +
                              (d.exp() - d - 1) * o.kl_coefficient -
                              part(entropy) * o.entropy_coefficient;
      sum = sum + loss.mean() / 3;
    }
    return sum;
  }
};

const Objective<> with_everything{.kl_coefficient = 0.1f, .entropy_coefficient = 0.05f};

void check_equal(const at::Tensor& a, const at::Tensor& b) {
  REQUIRE(a.numel() == b.numel());
  CHECK((a - b).abs().max().item<float>() < 1e-7f);
}

}  // namespace

TEST_CASE("loss and gradients are those of autograd through eager tensors") {
  Example ours, theirs;
  const ObjectiveLoss result = ours.loss(with_everything);
  const at::Tensor eager = theirs.eager(with_everything);
  CHECK_THAT(result.loss.item<float>(), WithinAbs(eager.item<float>(), 1e-6));
  CHECK(result.report.tokens == 12);
  result.loss.backward();
  eager.backward();
  check_equal(ours.log_probs.grad(), theirs.log_probs.grad());
  check_equal(ours.entropy.grad(), theirs.entropy.grad());
}

TEST_CASE("what comes from above scales the gradient, and passes add up") {
  Example example, once;
  once.loss(with_everything).loss.backward();
  (example.loss(with_everything).loss * 3).backward();
  check_equal(example.log_probs.grad(), once.log_probs.grad() * 3);
  check_equal(example.entropy.grad(), once.entropy.grad() * 3);
  example.loss(with_everything).loss.backward();
  check_equal(example.log_probs.grad(), once.log_probs.grad() * 4);
}

TEST_CASE("a graph that is kept gives the same gradient again") {
  Example example, once;
  once.loss(with_everything).loss.backward();
  const auto loss = example.loss(with_everything).loss;
  loss.backward({}, true);
  loss.backward();
  check_equal(example.log_probs.grad(), once.log_probs.grad() * 2);
}

TEST_CASE("the gradient flows on to what the log-probs were made of") {
  Example example, leaf;
  leaf.loss(with_everything).loss.backward();
  const at::Tensor scores = at::zeros({12}).requires_grad_();
  const at::Tensor log_probs = example.log_probs.detach() + scores * 2;
  ThreadPool pool(1);
  objective_loss(with_everything, log_probs, example.entropy, example.constants(),
                 totals_of(example.offsets), pool)
      .loss.backward();
  check_equal(scores.grad(), leaf.log_probs.grad() * 2);
}

TEST_CASE("without gradients there is only the value; entropies may be missing") {
  Example example;
  const float value = example.loss(with_everything).loss.item<float>();
  {
    const at::NoGradGuard none;
    const ObjectiveLoss result = example.loss(with_everything);
    CHECK(!result.loss.requires_grad());
    CHECK(result.loss.item<float>() == value);
  }
  ThreadPool pool(1);
  const auto result = objective_loss(presets::trl_gspo(), example.log_probs, at::Tensor(),
                                     example.constants(), totals_of(example.offsets), pool);
  result.loss.backward();
  TokenBatch batch = example.constants();
  batch.log_probs = view_of(example.log_probs);
  const auto plain = evaluate_plain(presets::trl_gspo(), batch, totals_of(example.offsets));
  CHECK_THAT(result.loss.item<float>(), WithinAbs(plain.value, 1e-6));
  for (int t = 0; t < 12; ++t)
    CHECK_THAT(example.log_probs.grad()[t].item<float>(),
               WithinAbs(plain.log_prob_gradient[std::size_t(t)], 1e-7));
}

TEST_CASE("tensors of another kind are refused") {
  Example example;
  example.log_probs = example.log_probs.detach().to(at::kDouble);
  CHECK_THROWS_AS(example.loss(with_everything), Error);
  example.log_probs = at::zeros({3, 4});
  CHECK_THROWS_AS(example.loss(with_everything), Error);
  CHECK_THROWS_AS(view_of(at::zeros({4, 4}).t()), Error);
}
