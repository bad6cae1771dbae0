#include <visplay/loss/objective.hpp>
#include <visplay/loss/presets.hpp>

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

TEST_CASE("weights and corrections touch the loss, not the KL and the entropy bonus") {
  TokenTerms<Dual<double>> terms{.log_prob = variable(-1.),
                                 .old_log_prob = -1.,
                                 .ref_log_prob = -1.5,
                                 .rollout_log_prob = -1.25,
                                 .advantage = 2.,
                                 .entropy = 0.5,
                                 .weight = 3.};
  const Objective objective{.loss = Reinforce{},
                            .kl = K2{},
                            .kl_coefficient = 0.5f,
                            .entropy_coefficient = 0.25f,
                            .correction = TokenTis{.cap = 1.25f}};  // c = e^0.25 = 1.284
  const double expected = 3 * 1.25 * 2 + 0.5 * 0.125 - 0.25 * 0.5;
  CHECK_THAT(objective(terms).value, WithinAbs(expected, 1e-12));
  CHECK_THAT(objective(terms).derivative, WithinAbs(-3 * 1.25 * 2 + 0.5 * 0.5, 1e-12));
}

TEST_CASE("presets carry the conventions of the systems they are named after") {
  using Kind = Aggregation::Kind;
  CHECK(presets::trl_cispo(5).loss.cap == 5);
  CHECK(presets::trl_cispo(5).loss.floor == 0);
  CHECK(presets::verl_cispo(0.25f, 0.5f).loss.cap == 1.5f);
  CHECK(presets::verl_cispo(0.25f, 0.5f).loss.floor == 0.75f);
  CHECK(presets::verl_grpo().loss.dual_clip == 3);
  CHECK(presets::verl_grpo().kl.bound == 10);
  CHECK(presets::trl_grpo().loss.dual_clip == 0);
  CHECK(presets::trl_dapo().aggregation.kind == Kind::token_mean);
  CHECK(presets::trl_dr_grpo(512).aggregation.constant_length == 512);
  CHECK(presets::visplay_official().loss.clip_high == 0.3f);
  CHECK(presets::visplay_official().aggregation.kind == Kind::sequence_mean);
  CHECK(presets::visplay_paper().kl_coefficient == 0.01f);
}
