// Every loss, KL, aggregation, mask and correction against the values and gradients that TRL's and
// verl's own functions give (tests/golden/make/objectives.py). `test_loss "[report]"` prints the
// largest differences.
#include <visplay/loss/chord.hpp>
#include <visplay/loss/entropy.hpp>
#include <visplay/loss/evaluate_plain.hpp>
#include <visplay/loss/full_kl.hpp>
#include <visplay/loss/kl_control.hpp>
#include <visplay/loss/presets.hpp>
#include <visplay/loss/sequence_correction.hpp>
#include <visplay/loss/token_rules.hpp>

#include <fmt/format.h>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <support/golden.hpp>
#include <support/token_columns.hpp>

using namespace visplay;
using nlohmann::json;
using Kind = Aggregation::Kind;

namespace {

constexpr float low = 0.1875f, high = 0.28125f, cap = 1.75f;  // as in the script
constexpr std::int64_t max_length = 16;

/// Inputs of one batch, with columns for masks and weights.
struct Example : testing::TokenColumns {
  explicit Example(const json& inputs)
      : TokenColumns{.offsets = inputs["offsets"],
                     .groups = inputs["groups"],
                     .advantages = inputs["advantages"],
                     .log_probs = inputs["log_probs"],
                     .old = inputs["old_log_probs"],
                     .ref = inputs["ref_log_probs"],
                     .rollout = inputs["rollout_log_probs"],
                     .entropy = inputs["entropy"]} {
    weights.assign(log_probs.size(), 1.f);
    marks.assign(log_probs.size(), 0.f);
    mask.assign(log_probs.size(), 1.f);
  }
};

using Evaluate = std::function<PlainEvaluation(Example)>;
using Prepare = std::function<void(Example&)>;

template <class Objective>
Evaluate plain(const Objective& objective, const Prepare& prepare = {}, bool count_empty = true) {
  return [=](Example example) {
    if (prepare) prepare(example);
    return evaluate_plain(objective, example.batch(), totals_of(example.batch(), count_empty));
  };
}

/// With a token mean and no KL, like most of verl.
template <class Loss>
auto token_mean(const Loss& loss) {
  return Objective{.loss = loss, .kl_coefficient = 0, .aggregation = {.kind = Kind::token_mean}};
}
template <class Loss>
auto sequence_mean(const Loss& loss) {
  return Objective{.loss = loss, .kl_coefficient = 0};
}
auto reinforce(const Aggregation& aggregation) {
  return Objective{.loss = Reinforce{}, .kl_coefficient = 0, .aggregation = aggregation};
}
template <class Rule>
Prepare weigh(const Rule& rule) {
  return [=](Example& example) { rule(example.batch(), example.weights); };
}

void reject(Example& example) {
  Rejection{.statistic = Rejection::Statistic::k3, .over = Rejection::Over::mean, .high = 0.0625f}(
      example.batch(), example.mask);
}
void drop_every_third(Example& example) {
  std::vector<std::uint8_t> truncated(example.advantages.size());
  for (std::size_t i = 0; i < truncated.size(); i += 3) truncated[i] = 1;
  OverlongFilter{truncated}(example.batch(), example.mask);
}

const ClippedSurrogate ppo{.clip_low = low, .clip_high = high};
const ClippedSurrogate dual{.clip_low = low, .clip_high = high, .dual_clip = 3};
const Gspo gspo{.clip_low = low, .clip_high = high};
const GspoToken gspo_token{gspo};
const Gmpo gmpo{.log_clip_low = low, .log_clip_high = high};
const TokenTis tis{.cap = 2};

void add_trl(std::map<std::string, Evaluate>& of) {
  const auto with_kl = [](auto kl) {
    return Objective{.loss = ppo, .kl = kl, .kl_coefficient = 0.125f};
  };
  auto luspo = presets::trl_luspo();
  luspo.loss = gspo;
  of["trl/grpo"] = plain(sequence_mean(ppo));
  of["trl/bnpo"] = of["trl/dapo"] = plain(token_mean(ppo));
  auto dr_grpo = presets::trl_dr_grpo(max_length);
  dr_grpo.loss = ppo;
  of["trl/dr_grpo"] = plain(dr_grpo);
  of["trl/delta"] =
      plain(sequence_mean(ClippedSurrogate{.clip_low = low, .clip_high = high, .ratio_cap = cap}));
  of["trl/grpo_kl"] = plain(with_kl(K3{}));
  of["trl/grpo_kl_bias_correction"] = plain(with_kl(ImportanceWeighted<K3>{}));
  of["trl/cispo"] = plain(presets::trl_cispo(cap));
  of["trl/cispo_sequence"] = plain(token_mean(SequenceCispo{.cap = cap}));
  of["trl/sapo"] = of["verl/sapo"] = plain(presets::trl_sapo());
  of["trl/gspo"] = plain(sequence_mean(gspo));
  of["trl/gspo_delta"] =
      plain(sequence_mean(Gspo{.clip_low = low, .clip_high = high, .ratio_cap = cap}));
  of["trl/gspo_dapo"] = plain(token_mean(gspo));
  of["trl/luspo"] = plain(luspo);
  of["trl/luspo_token"] = plain(
      Objective{.loss = ppo, .kl_coefficient = 0, .aggregation = {.kind = Kind::sequence_sum}});
  of["trl/vespo"] = plain(presets::trl_vespo());
  of["trl/opsm"] = plain(sequence_mean(ppo), weigh(OffPolicySequenceMask{.threshold = 0.03125f}));
  of["trl/top_entropy"] = plain(token_mean(ppo), weigh(TopEntropy{.share = 0.25f}));
  of["trl/dapo_entropy"] = plain(Objective{.loss = ppo,
                                           .kl_coefficient = 0,
                                           .entropy_coefficient = 0.0625f,
                                           .aggregation = {.kind = Kind::token_mean}});
  of["trl/grpo_token_tis"] =
      plain(Objective{.loss = ppo, .kl_coefficient = 0.125f, .correction = tis});
  of["trl/gspo_token_tis"] = plain(Objective{.loss = gspo, .kl_coefficient = 0, .correction = tis});
  of["trl/gmpo"] = plain(Objective{.loss = gmpo, .kl_coefficient = 0.125f});
  of["trl/overlong"] = plain(
      Objective{.loss = ppo, .kl_coefficient = 0.125f, .aggregation = {.kind = Kind::token_mean}},
      drop_every_third);
  of["trl/overlong_grpo"] = plain(with_kl(K3{}), drop_every_third);
}

void add_verl(std::map<std::string, Evaluate>& of) {
  of["verl/vanilla"] = plain(token_mean(dual));
  of["verl/vanilla_sequence_mean"] = plain(sequence_mean(dual));
  of["verl/dppo_tv"] = plain(token_mean(DppoTv{.threshold_low = low, .threshold_high = high}));
  of["verl/dppo_kl"] = plain(token_mean(DppoKl{.threshold_low = low, .threshold_high = high}));
  of["verl/gspo"] = plain(sequence_mean(gspo_token));
  of["verl/gspo_token_mean"] = plain(token_mean(gspo_token));
  of["verl/gspo_token_tis"] =
      plain(Objective{.loss = gspo_token, .kl_coefficient = 0, .correction = tis});
  of["verl/cispo"] = plain(presets::verl_cispo(low, high));
  of["verl/geo_mean"] = plain(sequence_mean(gmpo));
  of["verl/dro"] = plain(token_mean(Dro{.beta = 0.125f}));
  of["verl/kl_cov"] = plain(token_mean(KlCov{.coefficient = 0.75f}), [](Example& example) {
    KlCovMarks{.share = 0.25f}(example.batch(), example.marks);
  });
  of["verl/clip_cov"] = plain(
      token_mean(ppo),
      weigh(ClipCov{.share = 1, .low = 0.25f, .high = 5, .clip_low = low, .clip_high = high}));
  of["verl/vanilla_token_tis"] = plain(Objective{.loss = dual,
                                                 .kl_coefficient = 0,
                                                 .correction = tis,
                                                 .aggregation = {.kind = Kind::token_mean}});
  of["verl/vanilla_rejected"] = plain(token_mean(dual), reject, false);
  of["verl/vanilla_rejected_sequence_mean"] = plain(sequence_mean(dual), reject, false);
  of["verl/reinforce_bypass"] =
      plain(Objective{.loss = Reinforce{},
                      .kl_coefficient = 0,
                      .correction = TokenTis{.cap = 2, .numerator = Numerator::current},
                      .aggregation = {.kind = Kind::token_mean}});
  of["verl/kl/k1"] = plain(token_mean(K1{}));
  of["verl/kl/k2"] = plain(token_mean(K2{}));
  of["verl/kl/k3"] = plain(token_mean(K3{.bound = 10}));
  of["verl/kl/abs"] = plain(token_mean(AbsKl{}));
  of["verl/kl/k1+"] = plain(token_mean(StraightThrough<K1>{}));
  of["verl/kl/k3+"] = plain(token_mean(StraightThrough<K3>{.value = {.bound = 10}}));
}

void add_aggregations(std::map<std::string, Evaluate>& of) {
  of["verl/gpg/token-mean"] = plain(reinforce({.kind = Kind::token_mean}));
  of["verl/gpg/token-sum"] = plain(reinforce({.kind = Kind::token_sum}));
  of["verl/gpg/seq-mean-token-sum"] = plain(reinforce({.kind = Kind::sequence_sum}));
  of["verl/gpg/seq-mean-token-mean"] = plain(reinforce({.kind = Kind::sequence_mean}));
  of["verl/gpg/seq-mean-token-sum-norm"] = [](const Example& example) {
    std::int64_t longest = 0;  // verl's horizon: the padded length
    for (std::size_t i = 0; i + 1 < example.offsets.size(); ++i)
      longest = std::max(longest, example.offsets[i + 1] - example.offsets[i]);
    return plain(reinforce({.kind = Kind::constant, .constant_length = longest}))(example);
  };
  of["own/group_token_mean"] = plain(reinforce({.kind = Kind::group_token_mean}));
  of["own/alpha"] =
      plain(reinforce({.kind = Kind::alpha, .constant_length = max_length, .alpha = 0.5f}));
}

void add_own(std::map<std::string, Evaluate>& of) {
  of["own/topr"] = plain(token_mean(Topr{.positive_weight = 0.75f, .negative_weight = 1.25f}));
  of["own/cpgd"] = plain(token_mean(Cpgd{.clip_low = low, .clip_high = high, .drift = 0.25f}));
  of["own/spo"] = plain(token_mean(Spo{.epsilon = 0.25f}));
  of["own/wapo"] =
      plain(Objective{.loss = Wapo{.clip_high = high},
                      .kl_coefficient = 0,
                      .aggregation = {.kind = Kind::constant, .constant_length = max_length}});
  of["own/with_nll"] =
      plain(token_mean(WithNll<ClippedSurrogate>{.loss = ppo, .coefficient = 0.125f}));
  of["own/expert_nll"] = plain(token_mean(ExpertNll{}));
  of["own/p3o"] = plain(token_mean(P3o{}),
                        [](Example& example) { P3oMarks{}(example.batch(), example.marks); });
  of["own/tpo"] = plain(sequence_mean(Tpo{}));
  of["own/real"] = plain(sequence_mean(Real{.tau = 0.5f}));
  of["own/fipo"] =
      plain(token_mean(ppo), weigh(Fipo{.gamma = 0.75f, .clip = 0.25f, .safe_ratio = 0}));
  of["own/m2po"] = plain(token_mean(ppo), weigh(M2po{.threshold = 0.015625f}));
  of["own/k_pop"] = plain(Objective{.loss = ppo,
                                    .kl_coefficient = 0,
                                    .correction = KPop{.bound = 0.015625f},
                                    .aggregation = {.kind = Kind::token_mean}});
}

std::map<std::string, Evaluate> all_objectives() {
  std::map<std::string, Evaluate> of;
  add_trl(of);
  add_verl(of);
  add_aggregations(of);
  add_own(of);
  return of;
}

template <class Correction>
Prepare token_wise(const Correction& correction) {
  return [=](Example& example) {
    const TokenBatch batch = example.batch();
    for (std::size_t i = 0; i < batch.completions(); ++i)
      for (auto t = std::size_t(batch.offsets[i]); t < std::size_t(batch.offsets[i + 1]); ++t)
        example.weights[t] = float(correction(terms_of<double>(batch, i, t)).value);
  };
}

Prepare normalized(const Prepare& before, bool by_completion) {
  return [=](Example& example) {
    before(example);
    NormalizeWeights{.by_completion = by_completion}(example.batch(), example.weights);
  };
}

/// Weights alone, made in Example::weights.
std::map<std::string, Prepare> all_weights() {
  std::map<std::string, Prepare> of;
  of["verl/tis/token"] = token_wise(tis);
  of["verl/tis/sequence"] = weigh(SequenceTis{.cap = 2});
  of["verl/ice_pop/token"] = of["trl/token_mask"] = token_wise(IcePop{.low = 0.5f, .high = 1.5f});
  of["verl/ice_pop/sequence"] = of["trl/sequence_mask"] =
      weigh(SequenceMask{.low = 0.5f, .high = 1.5f});
  of["verl/tis_normalized/token"] = normalized(token_wise(tis), false);
  of["verl/tis_normalized/sequence"] = normalized(weigh(SequenceTis{.cap = 2}), true);
  of["trl/token_truncate"] = token_wise(TokenTis{.cap = 1.5f, .floor = 0.5f});
  of["trl/sequence_truncate"] = weigh(SequenceTis{.cap = 1.5f, .floor = 0.5f});
  using Statistic = Rejection::Statistic;
  using Over = Rejection::Over;
  const std::pair<std::string, Over> overs[] = {{"token", Over::token},
                                                {"seq_sum", Over::sum},
                                                {"seq_mean", Over::mean},
                                                {"seq_max", Over::max}};
  for (const auto& [name, over] : overs) {
    if (over != Over::max)
      of["verl/rejection/" + name + "_k1"] =
          weigh(Rejection{.statistic = Statistic::k1, .over = over, .low = 0.75f, .high = 1.25f});
    of["verl/rejection/" + name + "_k2"] =
        weigh(Rejection{.statistic = Statistic::k2, .over = over, .high = 0.03125f});
    of["verl/rejection/" + name + "_k3"] =
        weigh(Rejection{.statistic = Statistic::k3, .over = over, .high = 0.03125f});
  }
  return of;
}

double difference(double found, double expected) {
  return std::abs(found - expected) / std::max(1., std::abs(expected));
}
template <class Found>
double difference(const Found& found, const std::vector<double>& expected) {
  double worst = found.size() == expected.size() ? 0 : INFINITY;
  for (std::size_t k = 0; k < std::min(found.size(), expected.size()); ++k)
    worst = std::max(worst, difference(double(found[k]), expected[k]));
  return worst;
}

struct Differences {
  double value = 0, gradient = 0, entropy_gradient = 0;
};

Differences compare(const PlainEvaluation& found, const json& expected) {
  std::vector<double> entropy(found.entropy_gradient.size());
  if (expected.contains("entropy_gradient"))
    entropy = expected["entropy_gradient"].get<std::vector<double>>();
  return {difference(found.value, expected["value"].get<double>()),
          difference(found.log_prob_gradient, expected["gradient"].get<std::vector<double>>()),
          difference(found.entropy_gradient, entropy)};
}

/// verl adds 1e-8 to the lengths that it divides by; Cpgd's bounds and Fipo's weights are floats.
double tolerance(std::string_view name) {
  for (const std::string_view rough :
       {"verl/geo_mean", "verl/gpg/seq-mean-token-mean", "verl/gspo", "verl/gspo_token_tis",
        "verl/sapo", "verl/vanilla_rejected_sequence_mean", "verl/vanilla_sequence_mean",
        "own/cpgd", "own/fipo"})
    if (name == rough) return 1e-8;
  return 1e-14;
}

}  // namespace

TEST_CASE("values and gradients are those of TRL's and verl's own functions") {
  const json file = visplay::testing::golden("objectives.json");
  const auto objectives = all_objectives();
  std::map<std::string, int> met;
  for (const json& batch : file["batches"])
    for (const auto& [name, expected] : batch["results"].items()) {
      CAPTURE(name);
      REQUIRE(objectives.contains(name));
      const auto off = compare(objectives.at(name)(Example(batch["inputs"])), expected);
      CHECK(off.value < tolerance(name));
      CHECK(off.gradient < tolerance(name));
      CHECK(off.entropy_gradient < tolerance(name));
      ++met[name];
    }
  for (const auto& [name, objective] : objectives) {
    CAPTURE(name);
    CHECK(met[name] > 0);
  }
}

TEST_CASE("every setting leaves its trace in the golden values") {
  const json file = visplay::testing::golden("objectives.json");
  const std::pair<const char*, const char*> pairs[] = {
      {"trl/delta", "trl/grpo"},
      {"trl/gspo_delta", "trl/gspo"},
      {"trl/grpo_kl_bias_correction", "trl/grpo_kl"},
      {"trl/opsm", "trl/grpo"},
      {"trl/top_entropy", "trl/dapo"},
      {"trl/gspo_token_tis", "verl/gspo_token_tis"},
      {"verl/vanilla", "trl/dapo"},
      {"verl/cispo", "trl/cispo"},
      {"verl/dppo_tv", "verl/dppo_kl"},
      {"verl/vanilla_rejected", "verl/vanilla"},
      {"verl/vanilla_token_tis", "verl/vanilla"},
      {"verl/clip_cov", "trl/dapo"},
      {"verl/kl_cov", "trl/dapo"},
      {"own/fipo", "trl/dapo"},
      {"own/m2po", "trl/dapo"},
      {"own/k_pop", "trl/dapo"}};
  for (const auto& [one, other] : pairs) {
    CAPTURE(one, other);
    int apart = 0;
    for (const json& batch : file["batches"]) {
      const json& results = batch["results"];
      if (results.contains(one) && results.contains(other))
        apart += results[one]["gradient"] != results[other]["gradient"];
    }
    CHECK(apart > 0);
  }
}

TEST_CASE("weights and masks are those of TRL's and verl's own functions") {
  const json file = visplay::testing::golden("objectives.json");
  const auto rules = all_weights();
  for (const json& batch : file["batches"])
    for (const auto& [name, expected] : batch["weights"].items()) {
      CAPTURE(name);
      REQUIRE(rules.contains(name));
      Example example(batch["inputs"]);
      rules.at(name)(example);
      CHECK(difference(example.weights, expected.get<std::vector<double>>()) < 2e-7);  // float
    }
}

TEST_CASE("full KL and its gradient are torch's") {
  const json file = visplay::testing::golden("objectives.json")["full_kl"];
  const auto log_probs = file["log_probs"].get<std::vector<float>>();
  const auto ref = file["ref_log_probs"].get<std::vector<float>>();
  std::vector<float> gradient(log_probs.size());
  CHECK(difference(full_kl(log_probs, ref, gradient), file["value"].get<double>()) < 1e-6);
  CHECK(difference(gradient, file["gradient"].get<std::vector<double>>()) < 1e-6);
  CHECK_THROWS_AS(full_kl(log_probs, {}), Error);
}

TEST_CASE("the coefficient of the KL moves as verl's controller moves it") {
  double coefficient = 0.125;
  const json file = visplay::testing::golden("objectives.json");
  for (const json& step : file["adaptive_kl"]) {
    coefficient = AdaptiveKl{}(coefficient, step[0].get<double>(), step[1].get<double>());
    CHECK(difference(coefficient, step[2].get<double>()) < 1e-8);
  }
}

TEST_CASE("the coefficient of the entropy bonus moves as TRL moves it") {
  float coefficient = 0.5f;
  const json file = visplay::testing::golden("objectives.json");
  for (const json& step : file["adaptive_entropy"]) {
    const AdaptiveEntropy control{.target = step[0].get<float>()};
    coefficient = control(coefficient, step[1].get<double>());
    CHECK(difference(coefficient, step[2].get<double>()) < 1e-6);
  }
}

TEST_CASE("largest differences to the golden values", "[.][report]") {
  const json file = visplay::testing::golden("objectives.json");
  const auto objectives = all_objectives();
  std::map<std::string, Differences> worst;
  for (const json& batch : file["batches"])
    for (const auto& [name, expected] : batch["results"].items()) {
      const auto off = compare(objectives.at(name)(Example(batch["inputs"])), expected);
      auto& row = worst[name];
      row.value = std::max(row.value, off.value);
      row.gradient = std::max({row.gradient, off.gradient, off.entropy_gradient});
    }
  for (const auto& [name, row] : worst)
    fmt::print("{:40} value {:.1e}  gradient {:.1e}\n", name, row.value, row.gradient);
}
