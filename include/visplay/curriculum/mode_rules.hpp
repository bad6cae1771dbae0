// ModeRules: the three readings of VisPlay, each with all its parts.
//
//   const ModeRules rules = rules_of(Mode::official);
//   const auto question = rules.parse(completion);
//   QuestionSample sample = judged(rules, group, question, votes, Exact{});
//   const RewardTable table = rules.questioner(std::span<const QuestionSample>(samples));
//   const LabelVerdict verdict = rules.band(sample.label);
//
//              paper (2511.15661)      official (bruno686/VisPlay)      robust
//   question   <question>              <type>, <question>, <answer>     <question>
//   c, reward  n_max / m               no answer is one more class      n_max / m
//   c, label   n_max / m               n_max / parsed                   n_max / m
//   band       0.25 ... 0.75           0.3 ... 0.8                      0.4 ... 0.95, lead above 0.1,
//                                                                       at most 0.3 unparsed
//   votes      10                      10, for labels 9                 10
#pragma once

#include <visplay/core/settings.hpp>
#include <visplay/curriculum/confidence_band.hpp>
#include <visplay/data/sample.hpp>
#include <visplay/grade/grader.hpp>
#include <visplay/grade/majority_vote.hpp>
#include <visplay/grade/vote_classes.hpp>
#include <visplay/reward/mode.hpp>
#include <visplay/reward/questioner_reward.hpp>
#include <visplay/reward/reasoner_reward.hpp>
#include <visplay/text/question_parser.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <utility>

namespace visplay {

struct ModeRules {
  Mode mode = Mode::paper;
  TaggedQuestionParser parse{};
  QuestionerReward questioner{};
  ReasonerReward<> reasoner{};
  ConfidenceBand band{};
  int reward_votes = 10;
  int label_votes = 10;
};

[[nodiscard]] inline ModeRules rules_of(Mode mode) {
  ModeRules rules{.mode = mode, .questioner = {.mode = mode}, .reasoner = {.mode = mode}};
  if (mode == Mode::official) {
    rules.parse.form = TaggedQuestionParser::Form::type_question_answer;
    rules.band = {.low = 0.3, .high = 0.8, .over = ConfidenceBand::Over::parsed};
    rules.label_votes = 9;
  }
  if (mode == Mode::robust)
    rules.band = {.low = 0.4, .high = 0.95, .margin = 0.1, .max_unparsed = 0.3};
  return rules;
}

/// The mode that a program's settings name, on which its defaults depend. `otherwise` if they name
/// none, or a wrong one, which apply_settings refuses afterwards.
[[nodiscard]] inline Mode mode_in(std::span<const Setting> settings, Mode otherwise) {
  Mode mode = otherwise;
  if (const Setting* named = find_setting(settings, "mode"))
    detail::assign_texts(mode, named->texts, Range{});
  return mode;
}

/// What the votes say of a question, as the mode counts them.
template <class Grader>
[[nodiscard]] QuestionSample judged(const ModeRules& rules, std::int64_t group,
                                    std::optional<Question> question, std::span<const Vote> votes,
                                    const Grader& grade) {
  const VoteClasses classes = vote_classes(votes, grade);
  QuestionSample sample{.group = group, .question = std::move(question)};
  sample.label = label_of(classes);
  sample.confidence = reward_confidence(rules.mode, sample.label);
  sample.answer_entropy = classes.entropy();
  if (!sample.question || sample.question->answer.empty()) return sample;
  for (const VoteClass& c : classes.classes)
    if (grade(sample.question->answer, c.answer) == Verdict::same) {
      sample.own_share = double(c.votes) / classes.votes();
      sample.own_is_label = c.answer == sample.label.answer;
      break;
    }
  return sample;
}

}  // namespace visplay
