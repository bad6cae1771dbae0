// What every token loss (and KL, and token correction) must keep. For your own, in a test of any
// framework:
//
//   REQUIRE(visplay::testing::token_loss_failures(MyLoss{}) == std::vector<std::string>{});
//
//  - value and derivative: within 1e-6 relative of plain numbers and central differences, stopped
//    gradients held still
//  - finite: value and derivative at log-probs of 0 to -1000 against each other, in double and float
//  - pack: Dual<Pack> equals Dual<double> to float rounding, lane by lane; it only compiles if the loss
//    never branches on a number
#pragma once

#include <visplay/core/pack.hpp>
#include <visplay/core/rng.hpp>
#include <visplay/loss/token_loss.hpp>

#include <tests/conformance/moved.hpp>

#include <string>
#include <vector>

namespace visplay::testing {

struct TokenSample {
  double log_prob, old_log_prob, ref_log_prob, rollout_log_prob, advantage, entropy, mark;

  template <class T, class Constant>
  [[nodiscard]] TokenTerms<T> terms(const T& variable, const Constant& constant) const {
    return {.log_prob = variable,
            .old_log_prob = constant(old_log_prob),
            .ref_log_prob = constant(ref_log_prob),
            .rollout_log_prob = constant(rollout_log_prob),
            .advantage = constant(advantage),
            .entropy = constant(entropy),
            .mark = constant(mark)};
  }
};

/// Float numbers, so that every number type sees the same sample.
inline TokenSample random_token(Rng& rng, double spread = 0.5) {
  const auto number = [](double x) { return double(float(x)); };
  const double old = -0.05 - std::abs(rng.normal());
  const auto near = [&] { return number(std::min(old + spread * rng.normal(), -0.01)); };
  return {.log_prob = near(),
          .old_log_prob = number(old),
          .ref_log_prob = near(),
          .rollout_log_prob = near(),
          .advantage = number(rng.normal()),
          .entropy = number(rng.uniform(0, 3)),
          .mark = number(rng.uniform())};
}

template <class Loss>
Dual<double> evaluate_token(const Loss& loss, const TokenSample& sample) {
  return loss(sample.terms(variable(sample.log_prob), [](double x) { return Dual<double>(x); }));
}

/// Largest difference over random tokens between the value and that in plain numbers, and between the
/// derivative and central differences.
template <class Loss>
double largest_error(const Loss& loss, int tokens = 400) {
  Rng rng(20251122);
  double worst = 0;
  for (int k = 0; k < tokens; ++k) {
    const TokenSample sample = random_token(rng, k % 2 ? 0.25 : 1.5);
    const auto moved = [&](const Moved& x) {
      return loss(sample.terms(x, [](double c) { return Moved(c, c); }));
    };
    const Dual<double> found = evaluate_token(loss, sample);
    const double plain = moved({sample.log_prob, sample.log_prob}).base;
    worst = std::max(worst, relative_difference(found.value, plain));
    if (const double slope = central_difference(moved, sample.log_prob); !std::isnan(slope))
      worst = std::max(worst, relative_difference(found.derivative, slope));
  }
  return worst;
}

template <class S, class Loss>
bool finite_at_extremes(const Loss& loss) {
  const double extremes[] = {0, -1e-30, -1e-4, -1, -30, -90, -1000};
  for (const double log_prob : extremes)
    for (const double old : extremes)
      for (const double advantage : {-2., 0., 2.}) {
        const TokenSample sample{log_prob, old, old, old, advantage, 1, 0.5};
        const auto constant = [](double x) { return Dual<S>(S(x)); };
        const Dual<S> found = loss(sample.terms(variable(S(log_prob)), constant));
        if (!std::isfinite(found.value) || !std::isfinite(found.derivative)) return false;
      }
  return true;
}

/// Largest difference between a pack of tokens and the same tokens in double.
template <class Loss>
double largest_pack_error(const Loss& loss, int packs = 50) {
  Rng rng(20251123);
  double worst = 0;
  for (int k = 0; k < packs; ++k) {
    std::vector<TokenSample> samples;
    for (int lane = 0; lane < Pack::lanes; ++lane) samples.push_back(random_token(rng));
    const auto gather = [&](double TokenSample::*field) {
      Pack pack;
      for (int lane = 0; lane < Pack::lanes; ++lane) pack[lane] = float(samples[lane].*field);
      return Dual<Pack>(pack);
    };
    const Dual<Pack> found =
        loss(TokenTerms<Dual<Pack>>{.log_prob = variable(gather(&TokenSample::log_prob).value),
                                    .old_log_prob = gather(&TokenSample::old_log_prob),
                                    .ref_log_prob = gather(&TokenSample::ref_log_prob),
                                    .rollout_log_prob = gather(&TokenSample::rollout_log_prob),
                                    .advantage = gather(&TokenSample::advantage),
                                    .entropy = gather(&TokenSample::entropy),
                                    .mark = gather(&TokenSample::mark)});
    for (int lane = 0; lane < Pack::lanes; ++lane) {
      const auto alone = evaluate_token(loss, samples[lane]);
      worst = std::max(worst, relative_difference(found.value[lane], alone.value));
      worst = std::max(worst, relative_difference(found.derivative[lane], alone.derivative));
    }
  }
  return worst;
}

/// Empty if the loss conforms, else one sentence for each thing that it breaks.
template <class Loss>
std::vector<std::string> token_loss_failures(const Loss& loss) {
  std::vector<std::string> failures;
  const auto expect = [&](bool ok, const std::string& what) {
    if (!ok) failures.push_back(std::string(Loss::name) + ": " + what);
  };
  const double error = largest_error(loss), pack = largest_pack_error(loss);
  expect(error <= 1e-6, "value or derivative is off plain numbers and central differences by " +
                            std::to_string(error));
  expect(finite_at_extremes<double>(loss), "not finite at extreme log-probs in double");
  expect(finite_at_extremes<float>(loss), "not finite at extreme log-probs in float");
  expect(pack <= 2e-5,
         "a pack is off the same tokens in double by a relative " + std::to_string(pack));
  return failures;
}

}  // namespace visplay::testing
