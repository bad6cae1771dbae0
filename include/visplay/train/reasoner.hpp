// The Reasoner: answers questions, votes on them, and is rewarded for agreeing with the majority
// (VisPlay, 2511.15661, eqs. 4, 9, 10).
#pragma once

#include <visplay/curriculum/balance.hpp>
#include <visplay/curriculum/confidence_band.hpp>
#include <visplay/data/labelled_question.hpp>
#include <visplay/data/sample.hpp>
#include <visplay/generate/engine.hpp>
#include <visplay/grade/exact.hpp>
#include <visplay/grade/majority_vote.hpp>
#include <visplay/grade/parse_vote.hpp>
#include <visplay/reward/reasoner_reward.hpp>
#include <visplay/text/tags.hpp>
#include <visplay/train/grpo.hpp>
#include <visplay/train/phase_config.hpp>

#include <functional>
#include <string>
#include <vector>

namespace visplay {

/// A question about an image, asked but not answered yet.
struct AskedQuestion {
  ImagePtr image;
  Question question;
};

/// The votes on one question, kept for the samples that people look at.
struct VotedQuestion {
  AskedQuestion asked;
  std::vector<Completion> completions;  ///< [m]
  std::vector<Vote> votes;              ///< [m]
  PseudoLabel label;
};

/// The Reasoner's prompt for a question: {question} in the configured text is replaced.
[[nodiscard]] inline Prompt reasoner_prompt(const ReasonerConfig& config,
                                            const AskedQuestion& asked) {
  constexpr std::string_view slot = "{question}";
  Prompt prompt{.images = {asked.image}, .text = config.prompt};
  if (!config.system.empty()) prompt.system = config.system;
  if (const auto at = prompt.text.find(slot); at != std::string::npos)
    prompt.text.replace(at, slot.size(), asked.question.text);
  return prompt;
}

/// m votes on every question by a frozen Reasoner, and the label they make.
[[nodiscard]] inline std::vector<VotedQuestion> vote(const QwenPolicy& reasoner,
                                                     const ReasonerConfig& config,
                                                     const SamplingParams& sampling,
                                                     std::vector<AskedQuestion> questions,
                                                     Rng rng) {
  std::vector<Prompt> prompts;
  for (const auto& asked : questions) prompts.push_back(reasoner_prompt(config, asked));
  auto groups = LocalEngine(reasoner).generate(prompts, sampling, rng);
  std::vector<VotedQuestion> voted;
  for (std::size_t q = 0; q < questions.size(); ++q) {
    VotedQuestion v{std::move(questions[q]), std::move(groups[q].completions), {}, {}};
    for (const auto& completion : v.completions) v.votes.push_back(parse_vote(completion));
    v.label = majority_vote(std::span<const Vote>(v.votes), Exact{});
    voted.push_back(std::move(v));
  }
  return voted;
}

/// Rewards the Reasoner's answers to labelled questions. Prompt i belongs to questions[i].
struct ReasonerJudge {
  std::span<const LabelledQuestion> questions;
  ReasonerReward<> reward{};

  Judgement operator()(std::span<const RolloutGroup> groups, Rng) const {
    std::vector<AnswerSample> samples;
    double careful = 0, unparsed = 0;
    for (std::size_t g = 0; g < groups.size(); ++g)
      for (const auto& completion : groups[g].completions) {
        samples.push_back({.group = std::int64_t(g),
                           .vote = parse_vote(completion),
                           .label = questions[g].label.answer,
                           .confidence = questions[g].label.confidence(),
                           .well_formed = has_reasoning_format(completion.text),
                           .truncated = completion.finish_reason == FinishReason::length,
                           .length = std::int64_t(completion.token_ids.size())});
        careful += !reasoning(completion.text).empty();
        unparsed += samples.back().vote.kind != VoteKind::parsed;
      }
    Judgement judged{.rewards = reward(std::span<const AnswerSample>(samples)), .metrics = {}};
    const auto n = double(std::max<std::size_t>(1, samples.size()));
    const auto agreement = judged.rewards.term(LabelAccuracy<>::name);
    judged.metrics = {{std::string(metric::reasoner_agreement), mean(agreement)},
                      {std::string(metric::reasoner_unparsed), unparsed / n},
                      {std::string(metric::reasoner_careful), careful / n}};
    return judged;
  }
};
static_assert(Judge<ReasonerJudge>);

}  // namespace visplay
