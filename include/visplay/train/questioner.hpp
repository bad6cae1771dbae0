// The Questioner: asks about images, and is rewarded for questions that the frozen Reasoner answers
// inconsistently and that differ from the others of their group (VisPlay, 2511.15661, eqs. 5-8).
#pragma once

#include <visplay/reward/questioner_reward.hpp>
#include <visplay/text/normalize.hpp>
#include <visplay/text/question_parser.hpp>
#include <visplay/train/reasoner.hpp>

#include <functional>
#include <set>
#include <vector>

namespace visplay {

[[nodiscard]] inline Prompt questioner_prompt(const QuestionerConfig& config,
                                              const ImagePtr& image) {
  Prompt prompt{.images = {image}, .text = config.prompt};
  if (!config.system.empty()) prompt.system = config.system;
  return prompt;
}

/// Questions per image as asked: well-formed ones in order; the others are only counted.
struct AskedPool {
  std::vector<AskedQuestion> questions;
  int asked = 0;  ///< completions, malformed ones included
};

[[nodiscard]] inline AskedPool ask(const QwenPolicy& questioner, const QuestionerConfig& config,
                                   const TaggedQuestionParser& parse,
                                   const SamplingParams& sampling, std::span<const ImagePtr> images,
                                   Rng rng) {
  std::vector<Prompt> prompts;
  for (const auto& image : images) prompts.push_back(questioner_prompt(config, image));
  AskedPool pool;
  for (const auto& group : LocalEngine(questioner).generate(prompts, sampling, rng))
    for (const auto& completion : group.completions) {
      ++pool.asked;
      if (auto question = parse(completion.text))
        pool.questions.push_back({group.prompt.images.front(), std::move(*question)});
    }
  return pool;
}

/// Rewards questions by the votes of a Reasoner that does not change during the phase.
struct QuestionerJudge {
  const QwenPolicy& reasoner;
  const ReasonerConfig& reasoner_config;
  SamplingParams votes;  ///< n is m
  TaggedQuestionParser parse;
  QuestionerReward reward;
  /// Looks at every voted question of a step, for logs.
  std::function<void(std::span<const VotedQuestion>)> observe;

  Judgement operator()(std::span<const RolloutGroup> groups, Rng rng) const {
    std::vector<QuestionSample> samples;
    std::vector<AskedQuestion> asked;
    for (std::size_t g = 0; g < groups.size(); ++g)
      for (const auto& completion : groups[g].completions) {
        samples.push_back({.group = std::int64_t(g), .question = parse(completion.text)});
        if (samples.back().question)
          asked.push_back({groups[g].prompt.images.front(), *samples.back().question});
      }
    const auto voted = vote(reasoner, reasoner_config, votes, std::move(asked), rng.fork("votes"));
    auto next = voted.begin();
    for (auto& sample : samples) {
      if (!sample.question) continue;
      sample.label = next->label;
      sample.confidence = reward_confidence(reward.mode, sample.label);
      ++next;
    }
    if (observe) observe(voted);
    Judgement judged{.rewards = reward(std::span<const QuestionSample>(samples)), .metrics = {}};
    judged.metrics = metrics_of(samples, judged.rewards);
    return judged;
  }

 private:
  static Metrics metrics_of(std::span<const QuestionSample> samples, const RewardTable& rewards) {
    double valid = 0, confidence = 0, difficulty = 0, share = 0, unparsed = 0, truncated = 0,
           votes = 0;
    std::set<std::string> texts;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const auto& s = samples[i];
      if (!s.question) continue;
      ++valid;
      confidence += s.confidence;
      difficulty += rewards.term("difficulty")[i];
      share += rewards.term("diversity")[i];
      unparsed += s.label.unparsed, truncated += s.label.truncated, votes += s.label.votes;
      texts.insert(normalize(s.question->text));
    }
    const auto of = [](double sum, double n) { return n > 0 ? sum / n : 0; };
    return {{std::string(metric::questioner_valid), of(valid, double(samples.size()))},
            {std::string(metric::questioner_confidence), of(confidence, valid)},
            {std::string(metric::questioner_difficulty), of(difficulty, valid)},
            {std::string(metric::questioner_cluster_share), of(share, valid)},
            {std::string(metric::questioner_distinct), of(double(texts.size()), valid)},
            {std::string(metric::questioner_unparsed), of(unparsed, votes)},
            {std::string(metric::questioner_truncated), of(truncated, votes)}};
  }
};
static_assert(Judge<QuestionerJudge>);

}  // namespace visplay
