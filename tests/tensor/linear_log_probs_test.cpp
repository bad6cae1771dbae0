// The fused head as an autograd function against the same formulas written with ATen.
#include <visplay/tensor/linear_log_probs.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace visplay;

namespace {

struct Example {
  at::Tensor hidden, head, targets, by_log_prob, by_entropy;
  double temperature;

  Example(std::int64_t n, std::int64_t depth, std::int64_t vocabulary, double temperature,
          at::ScalarType type)
      : temperature(temperature) {
    at::manual_seed(4);
    hidden = at::randn({n, depth}).to(type);
    head = at::randn({vocabulary, depth}).to(type);
    targets = at::randint(vocabulary, {n}, at::kLong);
    by_log_prob = at::randn({n});
    by_entropy = at::randn({n});
  }

  /// log-probs, entropy and the gradients of hidden and head, in double.
  [[nodiscard]] TensorList exact() const {
    const auto x = hidden.to(at::kDouble).requires_grad_(),
               w = head.to(at::kDouble).requires_grad_();
    const auto log_p = at::log_softmax(at::linear(x, w) / temperature, 1);
    const auto chosen = log_p.gather(1, targets.unsqueeze(1)).squeeze(1);
    const auto entropy = -(log_p.exp() * log_p).sum(1);
    (by_log_prob * chosen + by_entropy * entropy).sum().backward();
    return {chosen.detach(), entropy.detach(), x.grad(), w.grad()};
  }
};

double difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.detach().to(at::kDouble) - b).abs().max().item<double>();
}

void check_close(const TensorList& ours, const TensorList& exact, double gradient_tolerance) {
  CHECK(difference(ours[0], exact[0]) < 1e-5);
  CHECK(difference(ours[1], exact[1]) < 3e-5);
  for (int i : {2, 3})
    CHECK(difference(ours[i], exact[i]) < gradient_tolerance * exact[i].abs().max().item<double>());
}

}  // namespace

TEST_CASE("linear_log_probs is log_softmax of the logits at the chosen token, and its entropy") {
  const auto type = GENERATE(at::kFloat, at::kBFloat16);
  const Example e(200, 8, 5000, GENERATE(1., 0.7), type);
  const auto x = e.hidden.clone().requires_grad_(), w = e.head.clone().requires_grad_();
  const TokenLogProbs tokens = linear_log_probs(x, w, e.targets, e.temperature);
  (e.by_log_prob * tokens.log_probs + e.by_entropy * tokens.entropy).sum().backward();
  CHECK(x.grad().scalar_type() == type);
  check_close({tokens.log_probs, tokens.entropy, x.grad(), w.grad()}, e.exact(),
              type == at::kFloat ? 3e-6 : 8e-3);
}

TEST_CASE("the one call of linear_log_probs gives the bits of the autograd function") {
  const Example e(60, 24, 700, 1.2, at::kBFloat16);
  const auto x = e.hidden.clone().requires_grad_(), w = e.head.clone().requires_grad_();
  const TokenLogProbs tokens = linear_log_probs(x, w, e.targets, e.temperature);
  (e.by_log_prob * tokens.log_probs).sum().backward();
  const auto result = linear_log_probs_with_gradient(
      e.hidden, e.head, e.targets, e.temperature, [&](std::span<const float> log_probs, auto) {
        CHECK(log_probs[0] == tokens.log_probs[0].item<float>());
        return LinearLogProbsCoefficients{{e.by_log_prob.const_data_ptr<float>(), log_probs.size()},
                                          {}};
      });
  CHECK(at::equal(result.tokens.entropy, tokens.entropy));
  CHECK(at::equal(result.hidden_gradient, x.grad()));
  CHECK(at::equal(result.head_gradient, w.grad()));
}

TEST_CASE("the autograd function keeps logits of each call apart until its graph is gone") {
  const auto type = GENERATE(at::kFloat, at::kBFloat16);
  const Example e(90, 24, 3000, 1.2, type);
  const auto gradients = [&](const at::Tensor& hidden, std::int64_t kept_bytes) {
    const auto x = hidden.clone().requires_grad_(), w = e.head.clone().requires_grad_();
    linear_log_probs(x, w, e.targets, e.temperature, kept_bytes).log_probs.sum().backward();
    return TensorList{x.grad(), w.grad()};
  };
  const auto kept = gradients(e.hidden, default_kept_bytes), none = gradients(e.hidden, 0),
             some = gradients(e.hidden, 200'000);
  for (const int i : {0, 1})
    for (const auto* other : {&none, &some})
      if (type == at::kFloat)
        CHECK(at::equal(kept[i], (*other)[i]));
      else
        CHECK(at::allclose(kept[i].to(at::kFloat), (*other)[i].to(at::kFloat), 0x1p-7, 1e-3));

  const auto x = e.hidden.clone().requires_grad_(), y = (2 * e.hidden).requires_grad_();
  const auto of_x = linear_log_probs(x, e.head, e.targets, e.temperature).log_probs.sum();
  const auto of_y = linear_log_probs(y, e.head, e.targets, e.temperature).log_probs.sum();
  of_x.backward({}, /*retain_graph=*/true);
  CHECK(at::equal(x.grad(), kept[0]));
  of_y.backward();
  CHECK(at::equal(y.grad(), gradients(2 * e.hidden, default_kept_bytes)[0]));
  x.mutable_grad().zero_();
  of_x.backward();
  CHECK(at::equal(x.grad(), kept[0]));
}

TEST_CASE("linear_log_probs takes views and gradients of one input alone") {
  const Example e(40, 16, 300, 1, at::kFloat);
  const auto turned = e.hidden.t().contiguous().t();  // column-major
  const auto w = e.head.clone().requires_grad_();
  linear_log_probs(turned, w, e.targets).log_probs.sum().backward();
  const auto v = e.head.clone().requires_grad_();
  linear_log_probs(e.hidden, v, e.targets).log_probs.sum().backward();
  CHECK(at::equal(w.grad(), v.grad()));
}

TEST_CASE("linear_log_probs refuses tensors that do not fit") {
  const Example e(4, 8, 30, 1, at::kFloat);
  CHECK_THROWS_AS(linear_log_probs(e.hidden, e.head.to(at::kBFloat16), e.targets), Error);
  CHECK_THROWS_AS(linear_log_probs(e.hidden.to(at::kDouble), e.head.to(at::kDouble), e.targets),
                  Error);
  CHECK_THROWS_AS(linear_log_probs(e.hidden, e.head, e.targets + 30), Error);
  CHECK_THROWS_AS(linear_log_probs(e.hidden, e.head.narrow(1, 0, 7), e.targets), Error);
}
