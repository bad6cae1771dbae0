// The worked examples of VisPlay's reward: ten votes, eight different questions about an image,
// lambda 1.
#include <visplay/curriculum/confidence_band.hpp>
#include <visplay/grade/exact.hpp>
#include <visplay/grade/majority_vote.hpp>
#include <visplay/reward/questioner_reward.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "support/votes.hpp"

#include <array>

using namespace visplay;
using Catch::Matchers::WithinAbs;

namespace {

struct Example {
  const char* votes;
  double paper;               // reward
  double official;            // reward but for the share
  double robust;              // reward
  LabelVerdict paper_label;   // 0.25 ... 0.75
  LabelVerdict robust_label;  // 0.4 ... 0.95, lead above 0.1, at most 0.3 unparsed
};

const Example examples[] = {
    {"A A A A A A A A A A", 0, 0, 0, LabelVerdict::easy, LabelVerdict::easy},
    {"A A A A A B B B B B", .875, .5, .875, LabelVerdict::kept, LabelVerdict::tied},
    {"A A A A A A A B B B", .475, .3, .475, LabelVerdict::kept, LabelVerdict::kept},
    {"A A A A A - - - - -", .875, .5, 0, LabelVerdict::kept, LabelVerdict::unparsed},
    {"A A A B B B C C C C", .675, .4, .675, LabelVerdict::kept, LabelVerdict::tied},
    {"A B C D E F G H I J", .075, .1, .075, LabelVerdict::hard, LabelVerdict::hard},
    {"- - - - - - - - - -", 0, 0, 0, LabelVerdict::no_answer, LabelVerdict::no_answer},
    {"A A A A A B B - - -", .875, .5, .875, LabelVerdict::kept, LabelVerdict::kept},
    {"A A A B B - - - - -", .475, .5, 0, LabelVerdict::kept, LabelVerdict::unparsed},
};

/// Eight questions that share no word, the first with these votes.
std::vector<QuestionSample> group_of(const char* votes, Mode mode) {
  std::vector<QuestionSample> group(8);
  for (int i = 0; i < 8; ++i) {
    const std::string word(std::size_t(i + 1), 'x');
    group[i].question = Question{.text = word + "a " + word + "b " + word + "c " + word + "d"};
  }
  group[0].label = majority_vote(testing::votes_of(votes), Exact{});
  group[0].confidence =
      mode == Mode::official ? official_confidence(group[0].label) : group[0].label.confidence();
  return group;
}

float reward_of(const std::vector<QuestionSample>& group, const QuestionerReward& reward) {
  return reward(std::span<const QuestionSample>(group)).total[0];
}

}  // namespace

TEST_CASE("the worked examples have their rewards and labels in every mode") {
  const ConfidenceBand paper{};
  const ConfidenceBand robust{.low = 0.4, .high = 0.95, .margin = 0.1, .max_unparsed = 0.3};
  for (const Example& e : examples) {
    INFO(e.votes);
    CHECK_THAT(reward_of(group_of(e.votes, Mode::paper), {.mode = Mode::paper}),
               WithinAbs(e.paper, 1e-7));
    CHECK_THAT(reward_of(group_of(e.votes, Mode::robust), {.mode = Mode::robust}),
               WithinAbs(e.robust, 1e-7));
    CHECK_THAT(reward_of(group_of(e.votes, Mode::official), {.mode = Mode::official}),
               WithinAbs(e.official - 0.125, 1e-7));
    const PseudoLabel label = majority_vote(testing::votes_of(e.votes), Exact{});
    CHECK(paper(label) == e.paper_label);
    CHECK(robust(label) == e.robust_label);
  }
}

TEST_CASE("a missing tag is worth nothing, or minus one and its share to the authors") {
  for (const Mode mode : {Mode::paper, Mode::robust, Mode::official}) {
    auto group = group_of("A A A A A B B B B B", mode);
    group[0].question.reset();
    CHECK(reward_of(group, {.mode = mode}) == (mode == Mode::official ? -1.125f : 0.f));
  }
}

TEST_CASE("eight times the same question is worth nothing on one image") {
  auto group = group_of("A A A A A B B B B B", Mode::paper);
  for (QuestionSample& sample : group) sample.question = group[0].question;
  CHECK(reward_of(group, {.mode = Mode::paper}) == 0.f);
  CHECK(reward_of(group, {.mode = Mode::paper, .diversity_weight = 0.5}) == 0.5f);
}

TEST_CASE("archive and blind shares count by their weights, in robust mode alone") {
  auto group = group_of("A A A A A B B B B B", Mode::robust);
  group[0].archive_share = 0.5f;
  group[0].blind_share = 0.25f;
  CHECK(reward_of(group, {.mode = Mode::robust}) == 0.875f);
  CHECK(reward_of(group, {.mode = Mode::robust, .archive_weight = 0.5, .blind_weight = 1}) ==
        0.375f);
  CHECK(reward_of(group, {.mode = Mode::paper, .archive_weight = 0.5, .blind_weight = 1}) ==
        0.875f);
}

TEST_CASE("the table names the parts that the total is made of") {
  const auto group = group_of("A A A A A A A B B B", Mode::paper);
  const auto table = QuestionerReward{}(std::span<const QuestionSample>(group));
  CHECK(table.term("format")[0] == 1);
  CHECK_THAT(table.term("difficulty")[0], WithinAbs(0.6, 1e-7));
  CHECK(table.term("diversity")[0] == 0.125f);
  CHECK(table.total.size() == 8);
}

TEST_CASE("n votes of m and m - n of m are equally difficult, to the bit") {
  for (int m = 1; m <= 64; ++m)
    for (int n = 0; n <= m; ++n) {
      struct Asked {
        double confidence;
      };
      const std::array<Asked, 2> both{{{double(n) / m}, {double(m - n) / m}}};
      const auto scores = score(Difficulty{}, std::span<const Asked>(both)).scores;
      CHECK(scores[0] == scores[1]);
    }
}
