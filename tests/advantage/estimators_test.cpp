// Worked examples of the estimators, and what they refuse. Values of peers: golden_test.cpp.
#include <visplay/advantage/batch_scaled.hpp>
#include <visplay/advantage/beta_normalised.hpp>
#include <visplay/advantage/group_relative.hpp>
#include <visplay/advantage/leave_best.hpp>
#include <visplay/advantage/length_weighted.hpp>
#include <visplay/advantage/log_target.hpp>
#include <visplay/advantage/optimal_token_baseline.hpp>
#include <visplay/advantage/reward_decoupled.hpp>
#include <visplay/advantage/role_baseline.hpp>
#include <visplay/advantage/signal_scaled.hpp>
#include <visplay/advantage/signed_labels.hpp>
#include <visplay/advantage/skip_unscored.hpp>
#include <visplay/advantage/step_relative.hpp>
#include <visplay/advantage/task_relative.hpp>
#include <visplay/advantage/whitened.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

using namespace visplay;
using Catch::Matchers::WithinAbs;

namespace {

using Floats = std::vector<float>;
using Offsets = std::vector<std::int64_t>;

template <class A, class... Inputs>
Floats of(const A& advantage, const Floats& rewards, const Offsets& offsets,
          const Inputs&... inputs) {
  Floats out(rewards.size());
  advantage(GroupedSpan{rewards, offsets}, inputs..., out);
  return out;
}

void check_values(const Floats& found, const std::vector<double>& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    CHECK_THAT(found[i], WithinAbs(expected[i], 1e-6));
  }
}

}  // namespace

TEST_CASE("rewards that differ by 1e-5 get full-size advantages, unless guarded") {
  const Floats rewards{0.5f, 0.50001f};
  CHECK(of(GroupRelative{}, rewards, {0, 2})[1] > 0.6f);
  CHECK(of(GroupRelative{.guard = {.min_std = 0.05}}, rewards, {0, 2})[1] < 2e-4f);
  CHECK(of(GroupRelative{.guard = {.reward_step = 1e-3}}, rewards, {0, 2}) == Floats{0, 0});
  CHECK(of(LeaveBest{.guard = {.min_std = 0.05}}, rewards, {0, 2})[1] < 3e-4f);
  CHECK(of(LeaveBest{.guard = {.reward_step = 1e-3}}, rewards, {0, 2}) == Floats{0, 0});
  CHECK(of(BatchScaled{.guard = {.min_std = 0.05}}, rewards, {0, 2})[1] < 2e-4f);
  const Whitening floored{.min_std = 0.05};
  CHECK(of(Whitened<Centred>{.whitening = floored}, rewards, {0, 2})[1] < 2e-4f);
}

TEST_CASE("the guard leaves spreads above it as they are") {
  const Floats rewards{0, 0.25f, 1, 1};
  CHECK(of(GroupRelative{.guard = {.min_std = 0.1, .reward_step = 0.25}}, rewards, {0, 4}) ==
        of(GroupRelative{}, rewards, {0, 4}));
  CHECK_THROWS_AS(of(GroupRelative{.guard = {.min_std = -1}}, rewards, {0, 4}), Error);
}

TEST_CASE("a group of one is worth nothing, or its reward where that is asked for") {
  CHECK(of(GroupRelative{}, {0.7f}, {0, 1}) == Floats{0});
  check_values(of(GroupRelative{.lone = Lone::raw}, {0.7f}, {0, 1}), {0.7 / (1 + 1e-6)});
  check_values(of(Centred{Lone::raw}, {0.7f, 1, 0}, {0, 1, 3}), {0.7, 0.5, -0.5});
}

TEST_CASE("whitening counts completions, or their tokens") {
  // Rewards 0 and 1: mean 1/2, variance 1/2 with n - 1.
  check_values(of(Whitened<>{}, {0, 1}, {0, 2}), {-0.70710678, 0.70710678});
  // One token of 0 and three of 1: mean 3/4, variance (9/16 + 3/16) / 3 = 1/4.
  const Offsets lengths{1, 3};
  check_values(of(Whitened<>{}, {0, 1}, {0, 2}, lengths), {-1.5, 0.5});
  // With n in the denominator 3/16.
  check_values(of(Whitened<>{.whitening = {.unbiased = false}}, {0, 1}, {0, 2}, lengths),
               {-1.7320508, 0.5773503});
  CHECK_THROWS_AS(of(Whitened<>{}, {0, 1}, {0, 2}, Offsets{1}), Error);
}

TEST_CASE("bound inputs make an estimator of rewards alone") {
  const With bound{LengthWeighted{}, Offsets{1, 3}};
  static_assert(AdvantageEstimator<decltype(bound)>);
  check_values(of(bound, {0, 1}, {0, 2}), {-0.75, 0.25});
}

TEST_CASE("lengths weigh the baseline, and a group without tokens has the plain mean") {
  check_values(of(LengthWeighted{}, {0, 1, 1}, {0, 3}, Offsets{0, 0, 0}),
               {-2. / 3, 1. / 3, 1. / 3});
}

TEST_CASE("groups without a signal are made up for in two readings") {
  const Floats rewards{0, 1, 1, 1, 0, 0};  // of three pairs one says something
  check_values(of(SignalScaled{}, rewards, {0, 2, 4, 6}), {-1.5, 1.5, 0, 0, 0, 0});
  const SignalScaled verl{.counted = SignalScaled::Counted::nonzero_rewards};
  check_values(of(verl, rewards, {0, 2, 4, 6}), {-1, 1, 0, 0, 0, 0});
}

TEST_CASE("only a best completion that would be missed is paid") {
  check_values(of(LeaveBest{.divide_by_std = false}, {0.25f, 1, 0.5f, 1, 1, 0}, {0, 3, 6}),
               {0, 0.5, 0, 0, 0, 0});
}

TEST_CASE("each part of the reward is normalised by itself") {
  // Both parts rank the two alike or against each other; their spreads do not matter.
  const std::vector<RewardTable::Column> parts{{"a", {0, 1}}, {"b", {1000, 0}}};
  Floats out(2);
  RewardDecoupled{.weights = {3, 1}}(parts, Offsets{0, 2}, out);
  check_values(out, {-0.70710678, 0.70710678});
  RewardDecoupled{.part = {.epsilon = 0}}(parts, Offsets{0, 2}, out);
  check_values(out, {0, 0});
  CHECK_THROWS_AS((RewardDecoupled{.weights = {1}}(parts, Offsets{0, 2}, out)), Error);
}

TEST_CASE("a Beta distribution is fitted to the success rates by their moments") {
  // Rates 0.25 and 0.75: m = 1/2, v = 1/8, s = 1, a = b = 1/2, alpha = beta = 7/6.
  const auto beta = BetaNormalised::fit(std::vector{0.25, 0.75});
  CHECK_THAT(beta.alpha, WithinAbs(7. / 6, 1e-12));
  CHECK_THAT(beta.beta, WithinAbs(7. / 6, 1e-12));
  // Simpson's rule: a density integrates to one.
  double sum = 0;
  for (int i = 0; i <= 2000; ++i)
    sum += BetaNormalised::density(i / 2000., {3, 2}) * (i % 2000 == 0 ? 1 : i % 2 ? 4 : 2) / 6000;
  CHECK_THAT(sum, WithinAbs(1, 1e-9));
  CHECK_THROWS_AS(of(BetaNormalised{}, {0, 2}, {0, 2}), Error);
}

TEST_CASE("equal success rates leave the centred rewards") {
  check_values(of(BetaNormalised{}, {0, 1, 1, 0}, {0, 2, 4}), {-0.5, 0.5, 0.5, -0.5});
}

TEST_CASE("the log of the target is never positive, and centred it is linear") {
  // q of two equal rewards is 1/2 each.
  check_values(of(LogTarget{.centred = false}, {3, 3}, {0, 2}), {-0.69314718, -0.69314718});
  check_values(of(LogTarget{.alpha = 2}, {0, 1}, {0, 2}), {-1, 1});
  check_values(of(LogTarget{.alpha = 100, .bound = 5, .centred = false}, {0, 1}, {0, 2}), {-5, 0});
}

TEST_CASE("signed labels pay, punish or leave alone") {
  const std::vector<int> labels{1, 0, -1};
  Floats out(3);
  SignedLabels<>{.negative = 0.5f}(labels, Offsets{0, 3}, out);
  CHECK(out == Floats{1, 0, -0.5f});
  SignedLabels<GroupRelative>{}(labels, Offsets{0, 3}, out);
  check_values(out, {0.999999, 0, -0.999999});
  CHECK_THROWS_AS(SignedLabels<>{}(std::vector{2, 0, 0}, Offsets{0, 3}, out), Error);
}

TEST_CASE("roles have moving averages of their own, which go on where they were saved") {
  const Floats rewards{1, 1, 0, 1};
  const std::vector<int> roles{0, 1, 0, 0};
  RoleBaselines state{.values = {0, 0.5}};
  Floats out(4);
  RoleBaseline{.decay = 0.5}(rewards, roles, state, out);
  check_values(out, {1, 0.5, -0.5, 0.75});  // baselines of role 0 before each: 0, 1/2, 1/4
  CHECK(state == RoleBaselines{.values = {0.625, 0.75}});

  RoleBaselines cut{.values = {0, 0.5}};
  Floats first(2), second(2);
  RoleBaseline{.decay = 0.5}(std::span(rewards).first(2), std::span(roles).first(2), cut, first);
  RoleBaselines restored = cut;
  RoleBaseline{.decay = 0.5}(std::span(rewards).last(2), std::span(roles).last(2), restored,
                             second);
  CHECK(restored == state);
  CHECK(second == Floats(out.begin() + 2, out.end()));

  RoleBaselines after{.values = {0, 0.5}};
  RoleBaseline{.decay = 0.5, .reads = RoleBaseline::Reads::after_update}(rewards, roles, after,
                                                                         out);
  check_values(out, {0.5, 0.25, -0.25, 0.375});
  CHECK(after == state);
}

TEST_CASE("an unknown role changes no baseline") {
  RoleBaselines state{.values = {0.25}};
  Floats out(2);
  CHECK_THROWS_AS(RoleBaseline{}(Floats{1, 1}, std::vector{0, 1}, state, out), Error);
  CHECK(state == RoleBaselines{.values = {0.25}});
}

TEST_CASE("a task is compared with itself across groups") {
  // Rewards 0 and 1 of one key, 10 and 20 of the other, each in another group.
  const std::vector<int> keys{7, -3, 7, -3};
  check_values(of(TaskRelative{}, {0, 10, 1, 20}, {0, 2, 4}, keys),
               {-0.70710678, -0.70710678, 0.70710678, 0.70710678});
}

TEST_CASE("completions without a score leave the others' advantages as if they were not there") {
  const float none = std::nanf("");
  const Floats with = of(SkipUnscored<GroupRelative>{}, {0, none, 1, 0.5f, none}, {0, 3, 5});
  const Floats without = of(GroupRelative{}, {0, 1, 0.5f}, {0, 2, 3});
  CHECK(with == Floats{without[0], 0, without[1], without[2], 0});
}

TEST_CASE("the reward of a completion is earned at its last token") {
  CHECK(rewards_on_last_token(Floats{1, 2, 3}, Offsets{0, 2, 2, 3}) == Floats{0, 1, 3});
  CHECK_THROWS_AS(rewards_on_last_token(Floats{1}, Offsets{0}), Error);
}

TEST_CASE("returns are discounted to the end of their completion and no further") {
  const Floats rewards{1, 2, 4, 8};
  const Offsets completions{0, 3, 4};
  std::vector<double> returns(4);
  returns_to_go({.rewards = rewards, .completions = completions}, 0.5, returns);
  CHECK(returns == std::vector<double>{3, 4, 4, 8});
}

TEST_CASE("the token baseline has less variance than the mean") {
  // Two one-token completions, p = 0.9 and 0.1 of two tokens: squared norms 0.02 and 1.62. Returns 1
  // and 0: the baseline is 0.02 / 1.64.
  const Floats rewards{1, 0};
  const Floats log_probs{std::log(0.9f), std::log(0.1f)};
  const Floats squares{0.82f, 0.82f};
  const Offsets completions{0, 1, 2}, groups{0, 2};
  const TokenRewards batch{.rewards = rewards,
                           .completions = completions,
                           .groups = groups,
                           .log_probs = log_probs,
                           .sum_p_squared = squares};
  Floats out(2);
  OptimalTokenBaseline{}(batch, out);
  const double baseline = 0.02 / 1.64;
  check_values(out, {1 - baseline, -baseline});
  // sum of W A^2 against any other baseline b: 0.02 (1 - b)^2 + 1.62 b^2.
  const auto energy = [](double b) { return 0.02 * (1 - b) * (1 - b) + 1.62 * b * b; };
  CHECK(energy(1 - out[0]) < energy(0.5));
  CHECK(energy(1 - out[0]) <= energy(baseline + 1e-3));
  CHECK(energy(1 - out[0]) <= energy(baseline - 1e-3));
  CHECK_THROWS_AS(OptimalTokenBaseline{}({.rewards = rewards, .completions = completions}, out),
                  Error);
}

TEST_CASE("steps are compared with episodes and with steps from the same state") {
  // Two episodes of two steps, both from state 5; then 1 and 2. Returns with gamma 1/2: 0.5 and 1
  // from state 5 of the first (reward 0, 1), 0 and 0 of the second. Totals 1 and 0.
  const Floats rewards{0, 1, 0, 0};
  const Offsets episodes{0, 2, 4}, groups{0, 2}, anchors{5, 1, 5, 2};
  const StepBatch batch{
      .rewards = rewards, .episodes = episodes, .groups = groups, .anchors = anchors};
  Floats out(4);
  StepRelative{.gamma = 0.5, .divide_by_std = false}(batch, out);
  check_values(out, {0.5 + 0.25, 0.5, -0.5 - 0.25, -0.5});
  StepRelative{.weight = 2, .gamma = 0.5, .normaliser = {.epsilon = 0}}(batch, out);
  const double unit = std::sqrt(0.5);  // of two values, whatever their distance
  check_values(out, {3 * unit, unit, -3 * unit, -unit});
}
