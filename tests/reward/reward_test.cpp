#include <visplay/reward/accuracy.hpp>
#include <visplay/reward/format.hpp>
#include <visplay/reward/reward.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace visplay;

namespace {

struct AnswerLength {
  static constexpr std::string_view name = "length";
  void operator()(std::span<const AnswerSample> batch, std::span<float> out) const {
    for (std::size_t i = 0; i < batch.size(); ++i) out[i] = float(batch[i].vote.answer.size());
  }
};

const std::vector<AnswerSample> answers{
    {.vote = {VoteKind::parsed, "Red."}, .label = "red"},
    {.vote = {VoteKind::parsed, "blue"}, .label = "red"},
    {.vote = {VoteKind::unparsed, ""}, .label = "red"},
    {.vote = {VoteKind::truncated, ""}, .label = ""},
};

}  // namespace

TEST_CASE("an answer that is the label is worth one, any other nothing") {
  const auto column = score(LabelAccuracy<>{}, std::span<const AnswerSample>(answers));
  CHECK(column.name == "accuracy");
  CHECK(column.scores == std::vector<float>{1, 0, 0, 0});  // no answer agrees with no label
}

TEST_CASE("a sum has its parts in the table, without their weights, and the weighted total") {
  const RewardSum reward{Term{0.5f, LabelAccuracy<>{}}, Term{-0.25f, AnswerLength{}}};
  const RewardTable table = reward(std::span<const AnswerSample>(answers));
  REQUIRE(table.terms.size() == 2);
  CHECK(table.term("length").size() == 4);
  CHECK(table.term("length")[0] == 4);
  CHECK(table.term("nothing of the kind").empty());
  CHECK(table.total == std::vector<float>{0.5f - 1.f, -1.f, 0.f, 0.f});
}

TEST_CASE("an empty batch has an empty table") {
  const RewardTable table =
      RewardSum{Term{1.f, LabelAccuracy<>{}}}(std::span<const AnswerSample>{});
  CHECK(table.total.empty());
  CHECK(table.terms[0].scores.empty());
}

TEST_CASE("scores that do not fit the batch are refused") {
  std::vector<float> one(1);
  CHECK_THROWS_AS(LabelAccuracy<>{}(std::span<const AnswerSample>(answers), std::span(one)), Error);
  const std::vector<QuestionSample> none;
  CHECK_THROWS_AS(QuestionFormat{}(std::span<const QuestionSample>(none), std::span(one)), Error);
}
