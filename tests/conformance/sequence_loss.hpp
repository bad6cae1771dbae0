// What every sequence loss and group loss must keep: derivatives of the summand and of the loss within
// 1e-6 relative of central differences, and a constant summand without derivative.
//
//   REQUIRE(visplay::testing::sequence_loss_failures(MySequenceLoss{}) == std::vector<std::string>{});
#pragma once

#include <visplay/loss/group_loss.hpp>
#include <visplay/loss/sequence_loss.hpp>

#include <tests/conformance/token_loss.hpp>

#include <string>
#include <vector>

namespace visplay::testing {

/// The summand as a token loss, for the checks of those.
template <class Loss>
struct SummandOf {
  static constexpr std::string_view name = Loss::name;
  Loss loss;

  template <class T>
  T operator()(const TokenTerms<T>& t) const {
    return loss.summand(t);
  }
};

template <class T, class Constant>
SequenceTerms<T> random_sequence(Rng& rng, const Constant& constant) {
  return {.mean = constant(-0.5 + 0.4 * rng.normal()),
          .constant_mean = constant(-0.5 + 0.4 * rng.normal()),
          .advantage = constant(rng.normal()),
          .length = constant(double(1 + rng.below(6)))};
}

/// Largest error of the derivative by the mean of each completion of random groups of `size`.
/// evaluate(span of terms) -> T.
template <class Evaluate>
double largest_mean_derivative_error(const Evaluate& evaluate, std::size_t size, int groups = 200) {
  double worst = 0;
  for (int g = 0; g < groups; ++g)
    for (std::size_t k = 0; k < size; ++k) {
      const auto terms = [&]<class T>(const T& variable, const auto& constant) {
        Rng rng = Rng(20251124).fork("group", std::uint64_t(g));
        std::vector<SequenceTerms<T>> group;
        for (std::size_t i = 0; i < size; ++i) group.push_back(random_sequence<T>(rng, constant));
        group[k].mean = variable;
        return group;
      };
      const auto dual = [](double x) { return Dual<double>(x); };
      const double at = -0.5 + 0.01 * double(g % 100);
      const auto found = evaluate(terms(variable(at), dual));
      const double expected = central_difference(
          [&](const Moved& x) { return evaluate(terms(x, [](double c) { return Moved(c, c); })); },
          at);
      if (!std::isnan(expected))
        worst = std::max(worst, relative_difference(found.derivative, expected));
    }
  return worst;
}

template <class Loss>
std::vector<std::string> summand_failures(const Loss& loss) {
  auto failures = token_loss_failures(SummandOf<Loss>{loss});
  Rng rng(1);
  const TokenSample sample = random_token(rng);
  const auto constant = [](double x) { return Dual<double>(x); };
  if (constant_summand_of(loss, sample.terms(variable(sample.log_prob), constant)).derivative != 0)
    failures.push_back(std::string(Loss::name) + ": the constant summand has a derivative");
  return failures;
}

template <SequenceLoss Loss>
std::vector<std::string> sequence_loss_failures(const Loss& loss) {
  auto failures = summand_failures(loss);
  const auto evaluate = [&](const auto& group) { return loss(group.front()); };
  if (const double error = largest_mean_derivative_error(evaluate, 1); error > 1e-6)
    failures.push_back(std::string(Loss::name) +
                       ": the derivative by the mean is off by a relative " +
                       std::to_string(error));
  return failures;
}

template <GroupLoss Loss>
std::vector<std::string> group_loss_failures(const Loss& loss) {
  auto failures = summand_failures(loss);
  const auto evaluate = [&]<class T>(const std::vector<SequenceTerms<T>>& group) {
    return loss(std::span<const SequenceTerms<T>>(group));
  };
  for (const std::size_t size : {1, 2, 5})
    if (const double error = largest_mean_derivative_error(evaluate, size); error > 1e-6)
      failures.push_back(std::string(Loss::name) +
                         ": the derivative by a mean is off by a relative " +
                         std::to_string(error));
  return failures;
}

}  // namespace visplay::testing
