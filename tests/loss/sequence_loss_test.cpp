#include <visplay/loss/group_loss.hpp>
#include <visplay/loss/sequence_loss.hpp>

#include <tests/conformance/sequence_loss.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <array>
#include <numeric>

using namespace visplay;
using namespace visplay::testing;
using Catch::Matchers::WithinAbs;
using Sequence = SequenceTerms<Dual<double>>;

namespace {
const std::vector<std::string> none;
}

TEMPLATE_TEST_CASE("a sequence loss keeps what every sequence loss must", "", Gspo, GspoToken, Gmpo,
                   Vespo, SequenceCispo) {
  CHECK(sequence_loss_failures(TestType{}) == none);
}

TEMPLATE_TEST_CASE("a group loss keeps what every group loss must", "", Tpo, Real) {
  CHECK(group_loss_failures(TestType{}) == none);
}

TEST_CASE("GSPO clips the geometric mean of the ratios") {
  const Gspo loss{.clip_low = 0.2f, .clip_high = 0.2f};
  const auto inside = loss(Sequence{.mean = variable(0.1), .advantage = 2., .length = 5.});
  CHECK_THAT(inside.value, WithinAbs(-2 * std::exp(0.1), 1e-12));
  CHECK_THAT(inside.derivative, WithinAbs(-2 * std::exp(0.1), 1e-12));
  CHECK(loss(Sequence{.mean = variable(0.5), .advantage = 2., .length = 5.}).derivative == 0.);
  CHECK(loss(Sequence{.mean = variable(0.5), .advantage = -2., .length = 5.}).derivative > 0.);
}

TEST_CASE("GMPO clips a token only on the side that its advantage pushes to") {
  const auto summand = [](double log_ratio, double advantage) {
    return Gmpo{}
        .summand(TokenTerms<Dual<double>>{.log_prob = variable(log_ratio), .advantage = advantage})
        .derivative;
  };
  CHECK(summand(1, 1) == 0.);
  CHECK(summand(1, -1) == 1.);
  CHECK(summand(-1, 1) == 1.);
  CHECK(summand(-1, -1) == 0.);
}

TEST_CASE("VESPO weighs a completion by one on the old policy and less on both sides") {
  const auto weight = [](double log_w) {
    return -Vespo{}(Sequence{.mean = variable(-1.),
                             .constant_mean = log_w / 4,
                             .advantage = 1.,
                             .length = 4.})
                .derivative;
  };
  CHECK_THAT(weight(0), WithinAbs(1, 1e-12));
  CHECK(weight(1) < 0.5);
  CHECK(weight(-3) < 0.1);
  CHECK(weight(1000) == 0.);
  CHECK_THAT(weight(-1000), WithinAbs(0, 1e-12));
}

TEST_CASE("the gradient of TPO is p - q and vanishes at the target") {
  // Equal old log-probs and one-token completions: q is the softmax of the advantages.
  const std::array<double, 3> advantages{1, 0, -1};
  const double sum = std::exp(1.) + 1 + std::exp(-1.);
  const auto gradient = [&](const std::array<double, 3>& log_probs, std::size_t k) {
    std::array<Sequence, 3> group;
    for (std::size_t i = 0; i < 3; ++i)
      group[i] = {.mean = i == k ? variable(log_probs[i]) : Dual<double>(log_probs[i]),
                  .constant_mean = -2.,
                  .advantage = advantages[i],
                  .length = 1.};
    return Tpo{}(std::span<const Sequence>(group)).derivative;
  };
  for (std::size_t k = 0; k < 3; ++k) {
    const double q = std::exp(advantages[k]) / sum;
    CHECK_THAT(gradient({-2, -2, -2}, k), WithinAbs(1. / 3 - q, 1e-12));
    CHECK_THAT(gradient({1, 0, -1}, k), WithinAbs(0, 1e-12));
  }
}

TEST_CASE("REAL is silent where a group has only successes or only failures") {
  const auto loss = [](double first, double second) {
    const std::array<Sequence, 2> group{
        Sequence{.mean = variable(0.), .advantage = first, .length = 3.},
        Sequence{.mean = 0., .advantage = second, .length = 2.}};
    return Real{}(std::span<const Sequence>(group));
  };
  CHECK(loss(1, 2).value == 0.);
  CHECK(loss(1, 2).derivative == 0.);
  CHECK(loss(-1, 0).value == 0.);
  CHECK_THAT(loss(1, -1).value, WithinAbs(2 * std::log(2.), 1e-12));
  CHECK_THAT(loss(1, -1).derivative, WithinAbs(-0.5 / 0.5, 1e-12));  // sigmoid(0) / tau
}
