// Rewards that are one formula each, against values worked out by hand or by the peers' functions.
#include <visplay/reward/accuracy.hpp>
#include <visplay/reward/entropy_band.hpp>
#include <visplay/reward/format.hpp>
#include <visplay/reward/length.hpp>
#include <visplay/reward/penalties.hpp>
#include <visplay/reward/solvability.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "support/golden.hpp"
#include "support/hostile_text.hpp"

using namespace visplay;
using Catch::Matchers::WithinAbs;

namespace {

template <class Reward, class Sample>
float worth(const Reward& reward, const Sample& sample) {
  return score(reward, std::span<const Sample>(&sample, 1)).scores[0];
}

const AnswerSample agreeing{.vote = {VoteKind::parsed, "red"}, .label = "Red.", .confidence = 0.7};

}  // namespace

TEST_CASE("a weighted label pays its confidence, to those that agree") {
  CHECK(worth(WeightedAccuracy<>{}, agreeing) == 0.7f);
  auto other = agreeing;
  other.vote.answer = "blue";
  CHECK(worth(WeightedAccuracy<>{}, other) == 0);
  other.vote = {VoteKind::truncated, ""};
  other.label = "";
  CHECK(worth(WeightedAccuracy<>{}, other) == 0);
}

TEST_CASE("a share to the power gamma: minorities are paid too, and no one's answer is not") {
  const auto of = [](double share, double gamma = 0.7) {
    return worth(ShareAccuracy{gamma}, AnswerSample{.answer_share = share});
  };
  CHECK(of(1) == 1);
  CHECK(of(0) == 0);
  CHECK_THAT(of(0.2), WithinAbs(0.3241313, 1e-6));  // e^(0.7 ln 0.2)
  CHECK(of(0.5, 1) == 0.5f);
  CHECK_THROWS_AS(of(0.5, 0), Error);
}

TEST_CASE("the entropy band is full at its target and falls to both sides alike") {
  const auto of = [](double entropy, EntropyBand band = {}) {
    return worth(band, QuestionSample{.answer_entropy = entropy});
  };
  CHECK(of(0.9) == 1);
  CHECK_THAT(of(0.9 + 0.35), WithinAbs(0.60653066, 1e-7));  // e^(-1/2)
  CHECK_THAT(of(0.9 - 0.35), WithinAbs(0.60653066, 1e-7));
  CHECK_THAT(of(0), WithinAbs(0.03665804, 1e-7));  // e^(-(0.9 / 0.35)^2 / 2)
  CHECK_THROWS_AS(of(1, {.width = 0}), Error);
}

TEST_CASE("solvability pays up to its cap, learnability nothing at both ends") {
  const auto sample = [](double share) { return QuestionSample{.own_share = share}; };
  CHECK(worth(CappedSolvability{}, sample(0.3)) == 0.3f);
  CHECK(worth(CappedSolvability{}, sample(0.9)) == 0.5f);
  CHECK(worth(Learnability{}, sample(0)) == 0);
  CHECK(worth(Learnability{}, sample(1)) == 0);
  CHECK(worth(Learnability{}, sample(0.25)) == 0.75f);
}

TEST_CASE("intuition that is right leaves the worth to disagreement, that is wrong to agreement") {
  const auto of = [](double c, bool right) {
    return worth(IntuitionContrast{}, QuestionSample{.confidence = c, .own_is_label = right});
  };
  CHECK(of(0.75, true) == 0.25f);
  CHECK(of(0.25, true) == 0.25f);
  CHECK(of(1, true) == 0);
  CHECK(of(1, false) == 0.5f);
  CHECK(of(0.5, false) == 0.25f);
}

TEST_CASE("archive and blind shares are read as they are") {
  const QuestionSample sample{.archive_share = 0.25f, .blind_share = 0.75f};
  CHECK(worth(ArchiveShare{}, sample) == 0.25f);
  CHECK(worth(BlindShare{}, sample) == 0.75f);
}

TEST_CASE("the overlong penalty is TRL's") {
  const auto golden = testing::golden("rewards.json");
  REQUIRE(golden["overlong"].size() == 3);
  for (const auto& c : golden["overlong"])
    for (std::size_t i = 0; i < c["at"].size(); ++i) {
      const SoftOverlong reward{c["max_length"], c["window"]};
      INFO(c["max_length"] << " " << c["window"] << " " << c["at"][i]);
      CHECK_THAT(worth(reward, AnswerSample{.length = c["at"][i]}),
                 WithinAbs(c["scores"][i].get<double>(), 1e-7));
    }
  CHECK_THROWS_AS(worth(SoftOverlong{10, 11}, AnswerSample{}), Error);
  CHECK_THROWS_AS(worth(SoftOverlong{10, 0}, AnswerSample{}), Error);
}

TEST_CASE("what was cut off is scaled, and the filter names it") {
  const std::vector<AnswerSample> batch{{.truncated = true}, {.truncated = false}};
  CHECK(score(StopProperly{0.25}, std::span(batch)).scores == std::vector<float>{0.25f, 1});
  CHECK(overlong_filter(std::span<const AnswerSample>(batch)) == std::vector<std::uint8_t>{0, 1});
}

TEST_CASE("a length budget costs nothing inside it and never more than everything") {
  const auto of = [](std::int64_t length, double weight) {
    return worth(LengthBudget{100, weight}, AnswerSample{.length = length});
  };
  CHECK(of(100, 0.1) == 1);
  CHECK(of(200, 0.1) == 0.9f);
  CHECK(of(150, 1) == 0.5f);
  CHECK(of(1000, 1) == 0);
  CHECK_THROWS_AS(worth(LengthBudget{0, 1}, AnswerSample{}), Error);
}

TEST_CASE("the reasoning format is the tags, then the box, and nothing else") {
  CHECK(has_reasoning_format("<think>a</think>\\boxed{b}"));
  CHECK(has_reasoning_format(" \n<think></think>\n\n\\boxed{\\frac{1}{2}}\n"));
  CHECK(has_reasoning_format("<think>a</think> so </think>\\boxed{b}"));
  for (const char* text :
       {"", "\\boxed{b}", "<think>a</think>", "<think>a</think>so \\boxed{b}", "<think>a\\boxed{b}",
        "x<think>a</think>\\boxed{b}", "<think>a</think>\\boxed{b}.", "<think>a</think>\\boxed{b",
        "</think><think>\\boxed{b}"}) {
    INFO(text);
    CHECK_FALSE(has_reasoning_format(text));
  }
}

TEST_CASE("the reasoning format is linear in the text") {
  for (const auto& text : testing::hostile_megabytes()) CHECK_FALSE(has_reasoning_format(text));
  std::string open = "<think>";
  while (open.size() < (1u << 20)) open += "</think>  ";
  CHECK(testing::seconds([&] { CHECK_FALSE(has_reasoning_format(open + "}")); }) < 5);
}
