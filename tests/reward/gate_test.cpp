#include <visplay/reward/gate.hpp>
#include <visplay/reward/questioner_reward.hpp>
#include <visplay/reward/reasoner_reward.hpp>

#include <catch2/catch_test_macros.hpp>

#include <visplay/core/rng.hpp>

using namespace visplay;

namespace {

struct Length {
  static constexpr std::string_view name = "length";
  void operator()(std::span<const AnswerSample> batch, std::span<float> out) const {
    for (std::size_t i = 0; i < batch.size(); ++i) out[i] = float(batch[i].length);
  }
};

const std::vector<AnswerSample> answers{
    {.vote = {VoteKind::parsed, "red"}, .label = "red", .well_formed = true, .length = 3},
    {.vote = {VoteKind::parsed, "red"}, .label = "red", .well_formed = false, .length = 5},
    {.vote = {VoteKind::parsed, "blue"}, .label = "red", .well_formed = true, .length = 7}};
const std::span<const AnswerSample> batch(answers);

std::vector<QuestionSample> random_questions(Rng rng) {
  std::vector<QuestionSample> samples;
  for (int i = 0; i < 24; ++i) {
    QuestionSample s{.group = i / 8};
    const std::string subject(1 + rng.below(3), 'x');
    if (rng.chance(0.8))
      s.question = Question{.text = "what is the color of the " + subject + " in this picture"};
    const int n = int(rng.below(11));
    s.label = {.answer = "x",
               .votes = 10,
               .majority = n,
               .unparsed = int(rng.below(std::uint64_t(11 - n)))};
    s.confidence = s.label.confidence();
    s.archive_share = float(rng.below(9)) / 8;
    s.blind_share = float(rng.below(9)) / 8;
    samples.push_back(std::move(s));
  }
  return samples;
}

}  // namespace

TEST_CASE("a gated reward has another score where its gate is shut") {
  CHECK(score(Gated{ReasoningFormat{}, Length{}, -1.f}, batch).scores ==
        std::vector<float>{3, -1, 7});
  CHECK(score(Gated{ReasoningFormat{}, Length{}}, batch).scores == std::vector<float>{3, 0, 7});
}

TEST_CASE("a product multiplies, under the first one's name") {
  const auto column = score(Product{LabelAccuracy<>{}, Length{}}, batch);
  CHECK(column.name == "accuracy");
  CHECK(column.scores == std::vector<float>{3, 5, 0});
}

TEST_CASE(
    "a gated sum is the sum above zero where all gates are open, with every part in the table") {
  const GatedSum reward{RewardSum{Term{1., Length{}}, Term{-4., LabelAccuracy<>{}}},
                        ReasoningFormat{}};
  const auto table = reward(batch);
  CHECK(table.total == std::vector<float>{0, 0, 7});  // 3 - 4 is floored, the second is shut
  REQUIRE(table.terms.size() == 3);
  CHECK(table.terms[0].name == "format");
  CHECK(table.term("length")[1] == 5);
}

TEST_CASE("three zeros can be told apart by the table") {
  std::vector<QuestionSample> samples(3);
  samples[1].question = samples[2].question = Question{.text = "what is the color of the sky"};
  samples[0].group = 0, samples[1].group = 1, samples[2].group = 2;
  samples[0].confidence = samples[2].confidence = 0.5;
  samples[1].confidence = 1;
  const auto table = QuestionerReward{}(std::span<const QuestionSample>(samples));
  CHECK(table.total == std::vector<float>{0, 0, 0});
  CHECK(table.term("format")[0] == 0);      // malformed
  CHECK(table.term("difficulty")[1] == 0);  // too easy
  CHECK(table.term("diversity")[2] == 1);   // its whole group asks the same
}

TEST_CASE("the modes written out by hand are the named ones, to the bit") {
  for (int seed = 0; seed < 20; ++seed) {
    const auto samples = random_questions(Rng(seed));
    const std::span<const QuestionSample> all(samples);
    const double lambda = 0.25 * (seed % 5), archive = 0.5 * (seed % 2), blind = 0.3 * (seed % 3);
    const QuestionerReward named{Mode::paper, lambda, archive, blind, 0.3};
    std::vector<float> paper, robust, official;
    const auto share = score(Diversity{}, all).scores;
    const auto everywhere = score(Diversity{Diversity::Scope::batch}, all).scores;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const auto& s = samples[i];
      const double tent = float(2 * std::min(s.confidence, 1 - s.confidence));
      const double smaller = float(std::min(s.confidence, 1 - s.confidence));
      const double worth = tent - lambda * share[i];
      paper.push_back(s.question ? float(std::max(0., worth)) : 0.f);
      const bool parsed = s.label.unparsed <= 3;
      robust.push_back(s.question && parsed ? float(std::max(0., worth - archive * s.archive_share -
                                                                     blind * s.blind_share))
                                            : 0.f);
      official.push_back(float((s.question ? smaller : -1.) - lambda * everywhere[i]));
    }
    CHECK(named(all).total == paper);
    CHECK(QuestionerReward{Mode::robust, lambda, archive, blind, 0.3}(all).total == robust);
    CHECK(QuestionerReward{Mode::official, lambda, archive, blind, 0.3}(all).total == official);
  }
}

TEST_CASE("the Reasoner is paid for agreeing; the authors' code keeps a tenth for the format") {
  CHECK(ReasonerReward<>{Mode::paper}(batch).total == std::vector<float>{1, 1, 0});
  CHECK(ReasonerReward<>{Mode::robust}(batch).total == std::vector<float>{1, 1, 0});
  const auto official = ReasonerReward<>{Mode::official}(batch);
  CHECK(official.total == std::vector<float>{1, 0.9f, 0.1f});
  CHECK(official.term("accuracy")[1] == 1);
  CHECK(official.term("format")[1] == 0);
}
