#include <visplay/loss/aggregation.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <vector>

using namespace visplay;
using Kind = Aggregation::Kind;
using Catch::Matchers::WithinRel;

namespace {

/// Sum of weight * loss over completions of these token losses.
double aggregate(const Aggregation& how, const std::vector<std::vector<double>>& losses) {
  BatchTotals totals;
  for (const auto& tokens : losses) {
    ++totals.completions;
    totals.tokens += std::int64_t(tokens.size());
  }
  double sum = 0;
  for (const auto& tokens : losses)
    for (const double loss : tokens) sum += how.weight(std::int64_t(tokens.size()), totals) * loss;
  return sum;
}

const std::vector<std::vector<double>> losses{{1, 2, 3}, {10}, {}};

}  // namespace

TEST_CASE("each way of adding up is its formula") {
  CHECK_THAT(aggregate({Kind::token_mean}, losses), WithinRel(16. / 4, 1e-12));
  CHECK_THAT(aggregate({Kind::sequence_mean}, losses), WithinRel((2. + 10.) / 3, 1e-12));
  CHECK_THAT(aggregate({Kind::constant, 100}, losses), WithinRel(16. / (3 * 100), 1e-12));
}

TEST_CASE("constant losses aggregate to the constant, but for a constant length") {
  const std::vector<std::vector<double>> same{{7, 7, 7}, {7}, {7, 7}};
  CHECK_THAT(aggregate({Kind::token_mean}, same), WithinRel(7., 1e-12));
  CHECK_THAT(aggregate({Kind::sequence_mean}, same), WithinRel(7., 1e-12));
}

TEST_CASE("totals come from offsets; a completion that is not in them is refused") {
  const std::vector<std::int64_t> offsets{0, 3, 4, 4};
  CHECK(totals_of(offsets).completions == 3);
  CHECK(totals_of(offsets).tokens == 4);
  CHECK(totals_of({}).tokens == 0);
  CHECK_THROWS_AS(Aggregation{}.weight(5, totals_of(offsets)), Error);
  CHECK_THROWS_AS(Aggregation{Kind::constant}.weight(1, totals_of(offsets)), Error);
}

TEST_CASE("sums, and the alpha family between sequence mean and constant length") {
  CHECK_THAT(aggregate({Kind::sequence_sum}, losses), WithinRel(16. / 3, 1e-12));
  CHECK_THAT(aggregate({Kind::token_sum}, losses), WithinRel(16., 1e-12));
  CHECK_THAT(aggregate({Kind::alpha, 100, 0}, losses),
             WithinRel(aggregate({Kind::sequence_mean}, losses), 1e-12));
  CHECK_THAT(aggregate({Kind::alpha, 100, 1}, losses),
             WithinRel(aggregate({Kind::constant, 100}, losses), 1e-12));
  CHECK_THAT(aggregate({Kind::alpha, 4, 0.5f}, {{1, 1, 1, 1, 1, 1, 1, 1, 1}}),
             WithinRel(9. / (3 * 2), 1e-12));
  CHECK_THROWS_AS((Aggregation{Kind::alpha}.weight(1, {1, 1})), Error);
}

TEST_CASE("with a group token mean every group counts the same, tokens do inside it") {
  const Aggregation mean{Kind::group_token_mean};
  const BatchTotals totals{.completions = 3, .tokens = 10, .groups = 2};
  CHECK(mean.weight(2, totals, 4) == 1. / 8);
  CHECK(mean.weight(6, totals, 6) == 1. / 12);
  CHECK_THROWS_AS(mean.weight(2, totals), Error);
  CHECK_THROWS_AS(mean.weight(2, totals, 1), Error);
}

TEST_CASE("every kind of aggregation has its name") {
  CHECK(name_of(Kind::token_mean) == "token_mean");
  CHECK(name_of(Kind::constant) == "constant");
  CHECK(name_of(Kind::alpha) == "alpha");
}
