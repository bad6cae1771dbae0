// Every reward of the library keeps the contract that users' own are checked against.
#include "conformance/reward.hpp"

#include <visplay/reward/accuracy.hpp>
#include <visplay/reward/difficulty.hpp>
#include <visplay/reward/diversity.hpp>
#include <visplay/reward/entropy_band.hpp>
#include <visplay/reward/format.hpp>
#include <visplay/reward/gate.hpp>
#include <visplay/reward/length.hpp>
#include <visplay/reward/penalties.hpp>
#include <visplay/reward/solvability.hpp>

using namespace visplay;
using namespace visplay::conformance;

namespace {

AnswerSample any_answer(Rng rng) {
  AnswerSample sample{.group = std::int64_t(rng.below(3)), .label = rng.chance(0.5) ? "red" : ""};
  if (rng.chance(0.7)) sample.vote = {VoteKind::parsed, rng.chance(0.5) ? "Red." : "blue"};
  sample.confidence = double(rng.below(11)) / 10;
  sample.answer_share = double(rng.below(11)) / 10;
  sample.well_formed = rng.chance(0.5);
  sample.truncated = rng.chance(0.3);
  sample.length = std::int64_t(rng.below(5000));
  return sample;
}

QuestionSample any_question(Rng rng) {
  QuestionSample sample{.group = std::int64_t(rng.below(3))};
  const char* texts[] = {"What color is the circle?", "Where is the small dog now?",
                         "How many bars are there in the chart?"};
  if (rng.chance(0.8)) sample.question = Question{.text = texts[rng.below(3)]};
  const int m = int(rng.below(11)), n = m ? int(rng.below(std::uint64_t(m) + 1)) : 0;
  sample.label = {.answer = n ? "x" : "", .votes = m, .majority = n, .unparsed = m - n};
  sample.confidence = sample.label.confidence();
  sample.archive_share = float(rng.below(5)) / 4;
  sample.blind_share = float(rng.below(5)) / 4;
  sample.answer_entropy = double(rng.below(30)) / 10;
  sample.own_share = double(rng.below(11)) / 10;
  sample.own_is_label = rng.chance(0.5);
  return sample;
}

}  // namespace

TEST_CASE("rewards of answers keep the contract of rewards") {
  check_sample_reward(LabelAccuracy<>{}, any_answer);
  check_sample_reward(WeightedAccuracy<>{}, any_answer);
  check_sample_reward(ShareAccuracy{}, any_answer);
  check_sample_reward(ReasoningFormat{}, any_answer);
  check_sample_reward(SoftOverlong{}, any_answer);
  check_sample_reward(StopProperly{0.5}, any_answer);
  check_sample_reward(LengthBudget{}, any_answer);
  check_sample_reward(Product{ShareAccuracy{}, LengthBudget{}}, any_answer);
}

TEST_CASE("rewards of questions keep the contract of rewards") {
  check_sample_reward(QuestionFormat{}, any_question);
  check_sample_reward(EnoughParsed{}, any_question);
  check_sample_reward(Difficulty{}, any_question);
  check_sample_reward(EntropyBand{}, any_question);
  check_sample_reward(CappedSolvability{}, any_question);
  check_sample_reward(Learnability{}, any_question);
  check_sample_reward(IntuitionContrast{}, any_question);
  check_sample_reward(ArchiveShare{}, any_question);
  check_sample_reward(BlindShare{}, any_question);
  check_sample_reward(Gated{QuestionFormat{}, Difficulty{}, -1.f}, any_question);
  check_order_free(Diversity{}, any_question);
  check_order_free(Diversity{Diversity::Scope::batch}, any_question);
}
