#include <visplay/curriculum/confidence_band.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace visplay;

namespace {
PseudoLabel label(int majority, int second, int votes, int unparsed = 0) {
  return {
      .answer = "x", .votes = votes, .majority = majority, .second = second, .unparsed = unparsed};
}
}  // namespace

TEST_CASE("both ends of the band are inside it") {
  const ConfidenceBand band{.low = 0.3, .high = 0.8};
  CHECK(band(label(2, 1, 10)) == LabelVerdict::hard);
  CHECK(band(label(3, 1, 10)) == LabelVerdict::kept);
  CHECK(band(label(8, 1, 10)) == LabelVerdict::kept);
  CHECK(band(label(9, 1, 10)) == LabelVerdict::easy);
}

TEST_CASE("a lead has to be above the margin, exactly") {
  const ConfidenceBand band{.low = 0, .high = 1, .margin = 0.1};
  CHECK(band(label(4, 3, 10)) == LabelVerdict::tied);
  CHECK(band(label(5, 3, 10)) == LabelVerdict::kept);
  CHECK(ConfidenceBand{.low = 0, .high = 1}(label(4, 4, 10)) == LabelVerdict::kept);
  CHECK(ConfidenceBand{.low = 0, .high = 1, .margin = 0}(label(4, 4, 10)) == LabelVerdict::tied);
}

TEST_CASE("three unparsed votes of ten are not more than 0.3") {
  const ConfidenceBand band{.low = 0, .high = 1, .max_unparsed = 0.3};
  CHECK(band(label(5, 1, 10, 3)) == LabelVerdict::kept);
  CHECK(band(label(5, 1, 10, 4)) == LabelVerdict::unparsed);
}

TEST_CASE("no answer is never kept") {
  const ConfidenceBand all{.low = 0, .high = 1};
  CHECK(all(label(0, 0, 10, 10)) == LabelVerdict::no_answer);
  CHECK(all(PseudoLabel{}) == LabelVerdict::no_answer);
}

TEST_CASE("verdicts are counted by name") {
  VerdictCounts counts;
  counts.add(LabelVerdict::tied);
  counts.add(LabelVerdict::tied);
  CHECK(counts.of(LabelVerdict::tied) == 2);
  CHECK(counts.of(LabelVerdict::kept) == 0);
  CHECK(name_of(LabelVerdict::tied) == "tied");
}
