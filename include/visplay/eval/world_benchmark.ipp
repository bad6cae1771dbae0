// Bodies of world_benchmark.hpp.
#pragma once

#include <visplay/eval/world_benchmark.hpp>
#include <visplay/world/grammar.hpp>
#include <visplay/world/render.hpp>
#include <visplay/world/split.hpp>

#include <limits>
#include <set>

namespace visplay {
namespace detail {

struct AnswerScore {
  int answers = 0, right = 0;

  void add(bool is_right) { ++answers, right += is_right; }
  [[nodiscard]] double accuracy() const {
    return answers ? double(right) / answers : std::numeric_limits<double>::quiet_NaN();
  }
};

struct AnswerScores {
  AnswerScore all, careful;
  std::array<AnswerScore, world::family_names.size()> families;
};

VISPLAY_INLINE AnswerScores score_answers(const QwenPolicy& policy, const ReasonerConfig& reasoner,
                                          const SamplingParams& sampling,
                                          std::span<const world::TestItem> items, Rng rng) {
  std::vector<Prompt> prompts;
  for (const auto& item : items)
    prompts.push_back(reasoner_prompt(
        reasoner, {std::make_shared<const Image>(world::render(world::scene_of(item))),
                   {.text = item.question}}));
  AnswerScores scores;
  const auto groups = LocalEngine(policy).generate(prompts, sampling, rng);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto& completion = groups[i].completions.front();
    const Vote vote = parse_vote(completion);
    const bool right =
        vote.kind == VoteKind::parsed && Exact{}(vote.answer, items[i].answer) == Verdict::same;
    scores.all.add(right);
    if (!reasoning(completion.text).empty()) scores.careful.add(right);
    scores.families[std::size_t(items[i].family)].add(right);
  }
  return scores;
}

}  // namespace detail

VISPLAY_INLINE Metrics WorldBenchmark::operator()(const QwenPolicy& policy, Rng rng) const {
  auto greedy = sampling_params(sampling, 1, banned_ids);
  auto sampled = greedy;
  greedy.temperature = 0, greedy.top_p = 1, greedy.top_k = 0;
  const auto held_out = world::held_out(questions, first_seed);
  const auto at_random = detail::score_answers(policy, reasoner, sampled, held_out, rng);
  const auto at_best = detail::score_answers(policy, reasoner, greedy, held_out, rng);
  const auto accuracy = [&](std::span<const world::TestItem> items) {
    return detail::score_answers(policy, reasoner, greedy, items, rng).all.accuracy();
  };
  const int fewer = std::max(1, questions / 2);
  Metrics metrics{
      {std::string(metric::eval_greedy), at_best.all.accuracy()},
      {std::string(metric::eval_sampled), at_random.all.accuracy()},
      {std::string(metric::eval_careful),
       double(at_random.careful.answers) / std::max(1, at_random.all.answers)},
      {std::string(metric::eval_careful_accuracy), at_random.careful.accuracy()},
      {std::string(metric::eval_hallucination), accuracy(world::hallucination(fewer, first_seed))},
      {std::string(metric::eval_false_premise), accuracy(world::false_premise(fewer, first_seed))},
      {std::string(metric::eval_compositional), accuracy(world::compositional(fewer, first_seed))}};
  for (std::size_t f = 0; f < at_best.families.size(); ++f)
    metrics.push_back({eval_family_name(world::family_names[f]), at_best.families[f].accuracy()});
  return metrics;
}

VISPLAY_INLINE Metrics label_truth(std::span<const JudgedQuestion> questions,
                                   const SceneTruth& truth) {
  double known = 0, false_premise = 0, ungrammatical = 0, kept = 0, right = 0;
  std::set<std::string> texts;
  for (const auto& [voted, verdict, balanced_away] : questions) {
    const auto scene = truth.find(voted.asked.image->source);
    if (scene == truth.end()) continue;
    ++known;
    texts.insert(normalize(voted.asked.question.text));
    const auto answer = world::truth_of(scene->second, voted.asked.question.text);
    false_premise += answer.status == world::TruthStatus::false_premise ||
                     answer.status == world::TruthStatus::ambiguous;
    ungrammatical += answer.status == world::TruthStatus::ungrammatical;
    if (verdict != LabelVerdict::kept || balanced_away) continue;
    ++kept;
    right += answer.status != world::TruthStatus::ungrammatical &&
             Exact{}(voted.label.answer, answer.answer) == Verdict::same;
  }
  const auto share = [](double part, double whole) { return whole > 0 ? part / whole : 0; };
  return {{std::string(metric::eval_label_accuracy), share(right, kept)},
          {std::string(metric::eval_false_premise_share), share(false_premise, known)},
          {std::string(metric::eval_ungrammatical_share), share(ungrammatical, known)},
          {std::string(metric::eval_question_variety), share(double(texts.size()), known)}};
}

}  // namespace visplay
