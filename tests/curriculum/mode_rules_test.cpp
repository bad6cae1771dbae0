// The three modes against an own derivation with nltk, scikit-learn and exact fractions
// (tests/golden/make/rewards.py), which also runs the authors' compute_score.
#include <visplay/curriculum/mode_rules.hpp>
#include <visplay/grade/exact.hpp>
#include <visplay/grade/parse_vote.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "support/golden.hpp"

using namespace visplay;
using Catch::Matchers::WithinAbs;

namespace {

std::vector<Vote> votes_of(const nlohmann::json& votes) {
  std::vector<Vote> read;
  for (const auto& vote : votes)
    read.push_back(parse_vote(vote[0].get<std::string>(),
                              vote[1] ? FinishReason::length : FinishReason::stop));
  return read;
}

std::vector<QuestionSample> samples_of(const ModeRules& rules, const nlohmann::json& lines) {
  std::vector<QuestionSample> samples;
  for (const auto& line : lines) {
    const auto votes = votes_of(line["votes"]), blind = votes_of(line["blind_votes"]);
    samples.push_back(judged(rules, line["group"], rules.parse(line["text"].get<std::string>()),
                             std::span(votes), Exact{}));
    samples.back().archive_share = line["archive_share"];
    samples.back().blind_share = majority_vote(std::span(blind), Exact{}).confidence();
  }
  return samples;
}

void check_sample(const ModeRules& rules, const QuestionSample& s, const nlohmann::json& expected) {
  CHECK(s.question.has_value() == !expected["question"].is_null());
  if (s.question) CHECK(s.question->text == expected["question"]);
  const PseudoLabel& label = s.label;
  CHECK(std::vector{label.votes - label.unparsed - label.truncated, label.unparsed,
                    label.truncated} == expected["kinds"].get<std::vector<int>>());
  CHECK(label.exists() == !expected["label"].is_null());
  if (label.exists()) CHECK(label.answer == expected["label"]);
  CHECK(name_of(rules.band(label)) == expected["why"]);
  CHECK_THAT(s.confidence, WithinAbs(expected["confidence"].get<double>(), 1e-7));
  CHECK_THAT(s.answer_entropy, WithinAbs(expected["entropy"].get<double>(), 1e-12));
}

}  // namespace

TEST_CASE("questions, labels, clusters and rewards of every mode are those of the derivation") {
  const auto golden = testing::golden("rewards.json");
  REQUIRE(golden["batches"].size() >= 20);
  double worst = 0;
  for (const Mode mode : {Mode::paper, Mode::official, Mode::robust})
    for (const auto& batch : golden["batches"]) {
      ModeRules rules = rules_of(mode);
      const auto& weights = batch["weights"];
      rules.questioner = {mode, weights["diversity"], weights["archive"], weights["blind"]};
      const auto samples = samples_of(rules, batch["lines"]);
      const auto& expected = batch["expected"][std::string(name_of(mode))];
      const auto table = rules.questioner(std::span<const QuestionSample>(samples));
      ThreadPool pool(2);
      const auto scope = mode == Mode::official ? Diversity::Scope::batch : Diversity::Scope::group;
      const auto clusters =
          Diversity{scope}.clusters(std::span<const QuestionSample>(samples), pool);
      for (std::size_t i = 0; i < samples.size(); ++i) {
        INFO(name_of(mode) << ": " << batch["lines"][i].dump());
        check_sample(rules, samples[i], expected[i]);
        CHECK(clusters.cluster[i] ==
              (expected[i]["cluster"].is_null() ? -1 : expected[i]["cluster"].get<int>()));
        CHECK_THAT(clusters.share[i], WithinAbs(expected[i]["share"].get<double>(), 1e-7));
        worst = std::max(worst, std::abs(table.total[i] - expected[i]["reward"].get<double>()));
      }
    }
  CHECK(worst < 2e-7);
}

TEST_CASE("each mode has its own band, votes and form of a question") {
  const ModeRules paper = rules_of(Mode::paper), official = rules_of(Mode::official),
                  robust = rules_of(Mode::robust);
  CHECK(paper.band.low == 0.25);
  CHECK(official.band.high == 0.8);
  CHECK(robust.band.margin == 0.1);
  CHECK(official.label_votes == 9);
  CHECK(official.reward_votes == 10);
  CHECK(paper.parse("<question>Is it red?</question>").has_value());
  CHECK_FALSE(official.parse("<question>Is it red?</question>").has_value());
  CHECK(robust.questioner.max_unparsed == 0.3);
}

TEST_CASE("the share of the Questioner's own answer counts all votes") {
  const std::vector<Vote> votes{{VoteKind::parsed, "Two."},
                                {VoteKind::parsed, "three"},
                                {VoteKind::parsed, "two"},
                                {VoteKind::unparsed, ""}};
  const auto sample = [&](std::string own) {
    return judged(ModeRules{}, 0, Question{.text = "How many?", .answer = std::move(own)},
                  std::span(votes), Exact{});
  };
  CHECK(sample("two").own_share == 0.5);
  CHECK(sample("two").own_is_label);
  CHECK(sample("three").own_share == 0.25);
  CHECK_FALSE(sample("three").own_is_label);
  CHECK(sample("four").own_share == 0);
  CHECK(sample("").own_share == 0);
}
