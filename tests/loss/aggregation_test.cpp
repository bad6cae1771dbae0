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
