// Every estimator of the library passes the suite that users run on theirs. Inputs beyond rewards
// are made from the rewards, so that they move with the completions.
#include <visplay/advantage/batch_scaled.hpp>
#include <visplay/advantage/beta_normalised.hpp>
#include <visplay/advantage/greedy_baseline.hpp>
#include <visplay/advantage/group_relative.hpp>
#include <visplay/advantage/leave_best.hpp>
#include <visplay/advantage/leave_one_out.hpp>
#include <visplay/advantage/length_weighted.hpp>
#include <visplay/advantage/log_target.hpp>
#include <visplay/advantage/optimal_token_baseline.hpp>
#include <visplay/advantage/reward_decoupled.hpp>
#include <visplay/advantage/role_baseline.hpp>
#include <visplay/advantage/signal_scaled.hpp>
#include <visplay/advantage/signed_labels.hpp>
#include <visplay/advantage/skip_unscored.hpp>
#include <visplay/advantage/task_relative.hpp>
#include <visplay/advantage/whitened.hpp>
#include <visplay/advantage/whitened_returns.hpp>

#include <conformance/advantage_estimator.hpp>

#include <bit>

using namespace visplay;
using visplay::testing::AdvantageClaims;
using visplay::testing::broken_promises;
using visplay::testing::broken_token_promises;
using visplay::testing::check_conforms;
using visplay::testing::check_tokens_conform;

namespace {

// 1 to 7 tokens, from the bits of the reward.
std::vector<std::int64_t> lengths_of(std::span<const float> rewards) {
  std::vector<std::int64_t> lengths;
  for (const float r : rewards) lengths.push_back(1 + std::bit_cast<std::uint32_t>(r) % 7);
  return lengths;
}

template <class A>
struct WithLengths {
  static constexpr std::string_view name = A::name;
  A inner{};
  void operator()(GroupedSpan rewards, std::span<float> out) const {
    inner(rewards, lengths_of(rewards.values), out);
  }
};

struct WithGreedy {
  static constexpr std::string_view name = GreedyBaseline::name;
  void operator()(GroupedSpan rewards, std::span<float> out) const {
    GreedyBaseline{}(rewards, std::vector<float>(rewards.groups(), 0.3f), out);
  }
};

struct WithKeys {
  static constexpr std::string_view name = TaskRelative::name;
  void operator()(GroupedSpan rewards, std::span<float> out) const {
    std::vector<int> keys;
    for (const float r : rewards.values) keys.push_back(int(std::bit_cast<std::uint32_t>(r) % 3));
    TaskRelative{}(rewards, keys, out);
  }
};

struct WithColumns {
  static constexpr std::string_view name = RewardDecoupled::name;
  RewardDecoupled inner{};
  void operator()(GroupedSpan rewards, std::span<float> out) const {
    std::vector<RewardTable::Column> columns{{"one", {}}, {"two", {}}};
    for (const float r : rewards.values) {
      columns[0].scores.push_back(r);
      columns[1].scores.push_back(float(std::bit_cast<std::uint32_t>(r) % 5));
    }
    inner(columns, rewards.offsets, out);
  }
};

struct FromSigns {
  static constexpr std::string_view name = SignedLabels<>::name;
  void operator()(GroupedSpan rewards, std::span<float> out) const {
    std::vector<int> labels;
    for (const float r : rewards.values) labels.push_back(r > 0.6f ? 1 : r < 0.3f ? -1 : 0);
    SignedLabels<GroupRelative>{}(labels, rewards.offsets, out);
  }
};

// Wrong on purpose, each in one way.
struct ForgetsTheLast {
  static constexpr std::string_view name = "forgets_the_last";
  void operator()(GroupedSpan rewards, std::span<float> out) const {
    std::vector<float> all(out.size());
    Centred{}(rewards, all);
    for (std::size_t i = 0; i + 1 < out.size(); ++i) out[i] = all[i];
  }
};

struct LooksAtPlaces {
  static constexpr std::string_view name = "looks_at_places";
  void operator()(GroupedSpan rewards, std::span<float> out) const {
    Centred{}(rewards, out);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] *= float(i % 3 + 1);
  }
};

struct InFloat {
  static constexpr std::string_view name = "in_float";
  void operator()(GroupedSpan rewards, std::span<float> out) const {
    for (std::size_t g = 0; g < rewards.groups(); ++g) {
      float sum = 0, squares = 0;
      for (const float r : rewards[g]) sum += r;
      const float centre = sum / float(rewards[g].size());
      for (const float r : rewards[g]) squares += (r - centre) * (r - centre);
      for (std::size_t i = rewards.begin(g); i < rewards.end(g); ++i)
        out[i] = (rewards.values[i] - centre) / std::sqrt(squares / float(rewards[g].size() - 1));
    }
  }
};

struct ForwardReturns {
  static constexpr std::string_view name = "forward_returns";
  void operator()(const TokenRewards& batch, std::span<float> out) const {
    float sum = 0;  // never begins anew
    for (std::size_t t = 0; t < batch.rewards.size(); ++t) out[t] = sum += batch.rewards[t];
  }
};

}  // namespace

TEST_CASE("estimators that compare a completion with its group conform") {
  check_conforms(GroupRelative{}, {.ignores_scale = true});
  check_conforms(GroupRelative{.epsilon = 0}, {.ignores_scale = true});
  check_conforms(GroupRelative{.guard = {.min_std = 0.2}});
  check_conforms(GroupRelative{.guard = {.reward_step = 0.5}});
  check_conforms(Centred{});
  check_conforms(LeaveOneOut{});
  check_conforms(LogTarget{.alpha = 3});
  check_conforms(LeaveBest{}, {.sums_to_zero = false, .ignores_scale = true});
  check_conforms(SkipUnscored<GroupRelative>{}, {.ignores_scale = true});
}

TEST_CASE("estimators that also compare groups conform") {
  check_conforms(BatchScaled{}, {.groups_apart = false, .ignores_scale = true});
  check_conforms(SignalScaled{}, {.groups_apart = false});
  check_conforms(ReinforceBaseline{},
                 {.groups_apart = false, .sums_to_zero = false, .ignores_scale = true});
  check_conforms(Whitened<LeaveOneOut>{.whitening = Whitening::trl()},
                 {.groups_apart = false, .sums_to_zero = false});
  check_conforms(BetaNormalised{.low = -1, .high = 5},
                 {.ignores_shift = false, .groups_apart = false}, -1, 5);
  check_conforms(
      WithColumns{},
      {.ignores_shift = false, .groups_apart = false, .sums_to_zero = false, .rises = false});
}

TEST_CASE("estimators that read more than rewards conform") {
  const AdvantageClaims own_inputs{.ignores_shift = false, .sums_to_zero = false};
  check_conforms(WithLengths<LengthWeighted>{}, own_inputs);
  check_conforms(WithLengths<ReinforceBaseline>{},
                 {.ignores_shift = false, .groups_apart = false, .sums_to_zero = false});
  check_conforms(WithGreedy{},
                 {.equal_is_zero = false, .ignores_shift = false, .sums_to_zero = false});
  check_conforms(WithKeys{}, {.equal_is_zero = false,
                              .ignores_shift = false,
                              .groups_apart = false,
                              .sums_to_zero = false,
                              .rises = false});
  check_conforms(FromSigns{}, {.ignores_shift = false});
}

TEST_CASE("estimators without a group's baseline conform") {
  const AdvantageClaims none{
      .equal_is_zero = false, .ignores_shift = false, .groups_apart = false, .sums_to_zero = false};
  check_conforms(Raw{}, none);
  check_conforms(Whitened<>{}, none);
  check_conforms(LogTarget{.bound = 2, .centred = false}, none);
}

TEST_CASE("estimators of tokens conform") {
  check_tokens_conform(WhitenedReturns{});
  check_tokens_conform(WhitenedReturns{.gamma = 0.5, .whitening = Whitening::trl()});
  check_tokens_conform(OptimalTokenBaseline{});
  check_tokens_conform(OptimalTokenBaseline{.free_tail = false});
}

TEST_CASE("the suite finds what is wrong with an estimator") {
  const auto has = [](const std::vector<std::string>& broken, std::string_view promise) {
    return std::ranges::find(broken, promise) != broken.end();
  };
  CHECK(has(broken_promises(ForgetsTheLast{}), "writes every advantage, and finite ones"));
  CHECK(has(broken_promises(LooksAtPlaces{}), "moves with the completions of a group"));
  CHECK(has(broken_promises(LooksAtPlaces{}), "sums to zero in a group"));
  CHECK(has(broken_promises(InFloat{}), "gives equal rewards exactly zero"));
  CHECK(has(broken_promises(InFloat{}), "is finite for rewards from -1e+30 to 1e+30"));
  CHECK(has(broken_promises(InFloat{}), "refuses offsets that do not fit"));
  CHECK(has(broken_promises(Raw{}), "ignores a constant on all rewards"));
  CHECK(has(broken_promises(ReinforceBaseline{}), "does not depend on other groups"));
  CHECK(
      has(broken_promises(Centred{}, {.ignores_scale = true}), "ignores the scale of the rewards"));
  CHECK(has(broken_promises(Centred{Lone::raw}), "gives equal rewards exactly zero"));
  CHECK(has(broken_token_promises(ForwardReturns{}), "moves with the completions of a group"));
  CHECK(has(broken_token_promises(ForwardReturns{}), "refuses room of another size"));
}
