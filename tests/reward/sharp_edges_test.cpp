// The sharp edges of VisPlay's published code that concern rewards (docs/decisions.md), each by its
// number: what official mode keeps as arithmetic, and what no mode copies.
#include <visplay/curriculum/mode_rules.hpp>
#include <visplay/grade/exact.hpp>
#include <visplay/grade/parse_vote.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "support/votes.hpp"

using namespace visplay;
using Catch::Matchers::WithinAbs;

namespace {

constexpr Mode modes[] = {Mode::paper, Mode::official, Mode::robust};

const Question question{
    .text = "What color is the small circle?", .type = "color", .answer = "red"};

QuestionSample asked(Mode mode, std::string_view words) {
  const auto votes = testing::votes_of(words);
  return judged(rules_of(mode), 0, question, std::span(votes), Exact{});
}

/// Of one question in a group of eight, the others without a like.
float reward(Mode mode, const QuestionSample& sample) {
  std::vector<QuestionSample> group(8);
  group[0] = sample;
  return rules_of(mode).questioner(std::span<const QuestionSample>(group)).total[0];
}

LabelVerdict verdict(Mode mode, std::string_view words) {
  return rules_of(mode).band(asked(mode, words).label);
}

std::string tagged(const std::string& text) {
  return "<type>count</type><question>" + text + "</question><answer>2</answer>";
}

}  // namespace

TEST_CASE("sharp edge 1: None wins votes") {
  const char* none_wins = "A A B - - - - - ~ ~";  // seven without an answer, three with one
  // Kept as arithmetic: in the authors' reward they are a class, here the largest.
  CHECK(asked(Mode::official, none_wins).confidence == 0.7);
  CHECK_THAT(reward(Mode::official, asked(Mode::official, none_wins)),
             WithinAbs(0.3 - 0.125, 1e-7));
  CHECK(reward(Mode::official, asked(Mode::official, "A A A A A - - - - -")) ==
        0.375f);  // the most
  // Nowhere a label: their upload drops it too.
  CHECK(verdict(Mode::official, none_wins) == LabelVerdict::unparsed);
  CHECK(verdict(Mode::official, "A A A B B - - - - -") == LabelVerdict::unparsed);
  for (const Mode mode : modes) {
    CHECK(asked(mode, none_wins).label.answer == "A");
    CHECK(verdict(mode, "- - - - - - - - ~ ~") == LabelVerdict::no_answer);
    CHECK_FALSE(asked(mode, "- - ~").label.exists());
  }
  // Robust: not hard, but no question.
  CHECK(reward(Mode::robust, asked(Mode::robust, "A A A A A - - - - -")) == 0);
  CHECK(reward(Mode::robust, asked(Mode::robust, "A A A A A B B - - -")) == 0.875f);
  CHECK(asked(Mode::paper, none_wins).confidence == double(0.2f));
}

TEST_CASE("sharp edge 1: a boxed None is a word, the missing box is not one") {
  CHECK(parse_vote("\\boxed{None}", FinishReason::stop).answer == "None");
  CHECK(parse_vote("None", FinishReason::stop).kind == VoteKind::unparsed);
}

TEST_CASE("sharp edge 2: reward and label count votes without an answer differently") {
  const char* words = "A A A A B B B - - ~";
  const auto sample = asked(Mode::official, words);
  CHECK(sample.confidence == 0.4);                                          // 4 of 10
  CHECK(rules_of(Mode::official).band.confidence(sample.label) == 4. / 7);  // 4 of 7: kept
  CHECK(verdict(Mode::official, words) == LabelVerdict::kept);
  // Paper and robust use one c for both.
  for (const Mode mode : {Mode::paper, Mode::robust}) {
    const auto same = asked(mode, words);
    CHECK_THAT(rules_of(mode).band.confidence(same.label), WithinAbs(same.confidence, 1e-7));
  }
}

TEST_CASE("sharp edge 2: no grader makes a valid question malformed") {
  // Their score of a question whose grading failed is -1, that of a missing tag.
  const auto shaky = [](std::string_view, std::string_view) { return Verdict::undecided; };
  const auto votes = testing::votes_of("A A A A");
  const auto sample = judged(rules_of(Mode::official), 0, question, std::span(votes), shaky);
  CHECK(reward(Mode::official, sample) == 0.25f - 0.125f);  // four answers, none like another
}

TEST_CASE("sharp edge 3: no answers are merged for a substring, and order changes nothing") {
  const auto merged = asked(Mode::official, "no_circle no_square");
  CHECK(merged.label.majority == 1);
  const std::vector<Vote> votes{{VoteKind::parsed, "no circle"}, {VoteKind::parsed, "no square"}};
  CHECK(majority_vote(std::span(votes), Exact{}).majority == 1);
  const std::vector<Vote> turned{votes[1], votes[0]};
  CHECK(majority_vote(std::span(turned), Exact{}).majority == 1);
}

TEST_CASE("sharp edge 4: a malformed question does not shift the others' votes") {
  // Whatever is missing, each question keeps its own label and reward.
  for (const Mode mode : modes) {
    std::vector<QuestionSample> batch;
    const char* votes[] = {"A A A A A A A B B B", "A A A A A B B B B B", "A B A B A B A B A C"};
    const char* texts[] = {"What color is the small circle?", "How many bars does this chart have?",
                           "Who stands behind that old man?"};
    for (int i = 0; i < 3; ++i) {
      batch.push_back(asked(mode, votes[i]));
      batch.back().group = i;
      batch.back().question->text = texts[i];
    }
    const auto rules = rules_of(mode);
    const auto full = rules.questioner(std::span<const QuestionSample>(batch)).total;
    batch[0].question.reset();
    const auto without = rules.questioner(std::span<const QuestionSample>(batch)).total;
    CHECK(without[1] == full[1]);
    CHECK(without[2] == full[2]);
    CHECK(without[0] < full[0] + 1e-9f);
  }
}

TEST_CASE("sharp edge 5: an answer is the last box, not the last character") {
  CHECK(parse_vote("\\boxed{12} or rather \\boxed{34}", FinishReason::stop).answer == "34");
}

TEST_CASE("sharp edge 6: the format of the Reasoner can be earned") {
  const std::string answer = "<think>Three are red.</think>\n\\boxed{3}";
  AnswerSample sample{.vote = parse_vote(answer, FinishReason::stop),
                      .label = "3",
                      .well_formed = has_reasoning_format(answer)};
  const std::span<const AnswerSample> batch(&sample, 1);
  CHECK(rules_of(Mode::official).reasoner(batch).total[0] == 1);
  sample.well_formed = false;  // what their prompt, which never mentions the tags, gets
  CHECK(rules_of(Mode::official).reasoner(batch).total[0] == 0.9f);
  CHECK(rules_of(Mode::paper).reasoner(batch).total[0] == 1);
}

TEST_CASE("sharp edge 9: the text of a question is not edited") {
  for (const Mode mode : modes)
    for (const char* text : {"Is 3 / 4 of it red?", "Is a < b here?", "Is b  >  a?"})
      CHECK(rules_of(mode).parse(tagged(text))->text == text);
}

TEST_CASE("sharp edge 11: accuracy is not the name of the diversity penalty") {
  const auto sample = asked(Mode::official, "A A B");
  const auto table =
      rules_of(Mode::official).questioner(std::span<const QuestionSample>(&sample, 1));
  CHECK(table.term("accuracy").empty());
  CHECK(table.term("diversity")[0] == 1);
}

TEST_CASE("sharp edge 13: without tags there is no question") {
  for (const Mode mode : modes) {
    CHECK_FALSE(rules_of(mode).parse("What color is the circle?").has_value());
    QuestionSample sample = asked(mode, "A A A A A B B B B B");
    sample.question = rules_of(mode).parse("What color is the circle?");
    CHECK(reward(mode, sample) == (mode == Mode::official ? -1.125f : 0.f));
  }
}

TEST_CASE("sharp edge 17: a reward that is used wrongly says so") {
  const auto sample = asked(Mode::paper, "A");
  std::vector<float> room(2);
  CHECK_THROWS_AS(Difficulty{}(std::span<const QuestionSample>(&sample, 1), std::span(room)),
                  Error);
}

TEST_CASE("sharp edge 18: no question is dropped for a word in it") {
  for (const Mode mode : modes) {
    const auto parsed = rules_of(mode).parse(tagged("How much text is on the box?"));
    REQUIRE(parsed.has_value());
    const auto votes = testing::votes_of("text text text text text text text B B B");
    const auto sample = judged(rules_of(mode), 0, parsed, std::span(votes), Exact{});
    CHECK(rules_of(mode).band(sample.label) == LabelVerdict::kept);
    CHECK(sample.label.answer == "text");
  }
}

TEST_CASE("quirk: half the difficulty, so that diversity weighs twice as much") {
  const auto sample = asked(Mode::official, "A A A A A B B B B B");
  CHECK(reward(Mode::paper, sample) == 1 - 0.125f);
  CHECK(reward(Mode::official, sample) == 0.5f - 0.125f);
}

TEST_CASE("quirk: eight equal questions on one image cost next to nothing in a large batch") {
  std::vector<QuestionSample> batch;
  for (int i = 0; i < 512; ++i) {
    batch.push_back(asked(Mode::official, "A A A A A B B B B B"));
    batch.back().group = i / 8;
    if (i >= 8) batch.back().question.reset();
  }
  const std::span<const QuestionSample> all(batch);
  CHECK(rules_of(Mode::official).questioner(all).total[0] == 0.5f - 8.f / 512);
  CHECK(rules_of(Mode::paper).questioner(all).total[0] == 0);
}
