#include <visplay/loss/objective.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

using namespace visplay;
using Catch::Matchers::WithinAbs;

TEST_CASE("an objective is its loss, plus KL, less the entropy bonus") {
  // Ratio e^0.1 = 1.10517 inside the clip range, d = -0.2: k3 = e^-0.2 + 0.2 - 1 = 0.0187308.
  const TokenTerms<Dual<double>> terms{.log_prob = variable(-1.),
                                       .old_log_prob = -1.1,
                                       .ref_log_prob = -1.2,
                                       .advantage = 2.,
                                       .entropy = 0.5};
  const Objective<> objective{.kl_coefficient = 0.5f, .entropy_coefficient = 0.25f};
  const auto loss = objective(terms);
  CHECK_THAT(loss.value, WithinAbs(-2 * 1.1051709 + 0.5 * 0.0187308 - 0.25 * 0.5, 1e-6));
  // Derivatives: -2 * ratio, and d k3 / d log_prob = 1 - e^d.
  CHECK_THAT(loss.derivative, WithinAbs(-2 * 1.1051709 + 0.5 * (1 - 0.8187308), 1e-6));
}

TEST_CASE("without coefficients an objective is its loss") {
  const TokenTerms<Dual<double>> terms{.log_prob = variable(-1.),
                                       .old_log_prob = -1.5,
                                       .ref_log_prob = -3.,
                                       .advantage = -1.,
                                       .entropy = 2.};
  CHECK(Objective<>{.kl_coefficient = 0}(terms).value == ClippedSurrogate{}(terms).value);
}
