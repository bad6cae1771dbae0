// What every advantage estimator promises, as a test that is run on any type, with Catch2:
//
//   TEST_CASE("mine is an advantage estimator") { visplay::testing::check_conforms(Mine{}); }
//
// or without: broken_promises(Mine{}) is a list of sentences, empty if it conforms.
//
// Always: it refuses sizes that do not fit, takes no groups, empty groups and groups of one, writes
// every advantage, gives finite ones for huge and tiny rewards, gives the same twice, and moves with
// the completions when they change places in a group. What else is promised is a claim.
#pragma once

#include <visplay/advantage/estimator.hpp>
#include <visplay/advantage/token_rewards.hpp>
#include <visplay/core/rng.hpp>

#include <fmt/format.h>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

namespace visplay::testing {

/// What an estimator promises beyond what all do. A claim that is false is not tested.
struct AdvantageClaims {
  bool equal_is_zero = true;   ///< equal rewards in every group, also groups of one: exactly 0
  bool ignores_shift = true;   ///< the same constant on all rewards changes nothing
  bool groups_apart = true;    ///< other groups do not matter
  bool sums_to_zero = true;    ///< in every group
  bool rises = true;           ///< a higher reward of the same group has no lower advantage
  bool ignores_scale = false;  ///< twice the rewards have the same advantages, up to its epsilon
};

namespace conformance {

// Types are erased so that one more estimator costs a test no time to compile.
using Call = std::function<void(GroupedSpan, std::span<float>)>;
using TokenCall = std::function<void(const TokenRewards&, std::span<float>)>;
using Rewards = std::vector<float>;
using Offsets = std::vector<std::int64_t>;

/// The promises that were found broken, each once.
struct Promises {
  std::vector<std::string> broken{};

  void expect(bool kept, const std::string& promise) {
    if (!kept && std::ranges::find(broken, promise) == broken.end()) broken.push_back(promise);
  }
  void expect_error(const std::string& promise, const std::function<void()>& call) {
    try {
      call();
      expect(false, promise);
    } catch (const Error&) {
    }
  }
};

inline bool close(std::span<const float> found, std::span<const float> expected, double tolerance) {
  return std::ranges::equal(found, expected, [=](float a, float b) {
    return std::abs(double(a) - b) <= tolerance * std::max(1., std::abs(double(b)));
  });
}

inline bool finite(const Rewards& advantages) {
  return std::ranges::all_of(advantages, [](float a) { return std::isfinite(a); });
}

inline Rewards advantages_of(const Call& advantage, const Rewards& rewards,
                             const Offsets& offsets) {
  Rewards out(rewards.size(), std::numeric_limits<float>::quiet_NaN());  // left over: not written
  advantage(GroupedSpan{rewards, offsets}, out);
  return out;
}

/// Rewards in tenths, in groups of 0 to 8.
struct Case {
  Rewards rewards{};
  Offsets offsets{0};

  explicit Case(Rng rng) {
    for (int g = 0; g < 6; ++g) {
      const auto size = rng.below(9);
      for (std::uint64_t i = 0; i < size; ++i) rewards.push_back(float(rng.below(11)) / 10);
      offsets.push_back(std::int64_t(rewards.size()));
    }
  }
  [[nodiscard]] std::size_t groups() const { return offsets.size() - 1; }
  template <class T>
  [[nodiscard]] std::span<T> group(std::vector<T>& values, std::size_t g) const {
    return std::span(values).subspan(std::size_t(offsets[g]),
                                     std::size_t(offsets[g + 1] - offsets[g]));
  }
};

inline void try_sizes(Promises& promises, const Call& advantage) {
  promises.expect(advantages_of(advantage, {}, {0}).empty(), "takes no groups");
  promises.expect(advantages_of(advantage, {}, {0, 0, 0}).empty(), "takes empty groups");
  promises.expect(finite(advantages_of(advantage, {0.5f, 0, 1}, {0, 0, 1, 1, 3})),
                  "takes groups of one beside empty ones");
  const Rewards rewards{1, 0};
  const Offsets offsets{0, 2};
  Rewards room(2);  // more than is shown, so that a careless write hurts nobody
  promises.expect_error("refuses offsets that do not fit", [&] {
    (void)advantages_of(advantage, rewards, {0, 1});
  });
  promises.expect_error("refuses room for fewer advantages than rewards", [&] {
    advantage(GroupedSpan{rewards, offsets}, std::span(room).first(1));
  });
}

inline void try_extremes(Promises& promises, const Call& advantage, float low, float high) {
  const float third = low + (high - low) / 3;
  for (const Rewards& group :
       {Rewards{high}, Rewards{low, high}, Rewards{high, low, low}, Rewards{high, high, high},
        Rewards{low, std::nextafter(low, high)}, Rewards{third, third, high}})
    promises.expect(finite(advantages_of(advantage, group, {0, std::int64_t(group.size())})),
                    fmt::format("is finite for rewards from {} to {}", low, high));
}

inline void try_other_places(Promises& promises, const Call& advantage, const Case& c, Rng rng) {
  std::vector<std::size_t> from(c.rewards.size());
  std::iota(from.begin(), from.end(), std::size_t(0));
  for (std::size_t g = 0; g < c.groups(); ++g) {
    auto group = c.group(from, g);
    rng.shuffle(group);
  }
  const Rewards before = advantages_of(advantage, c.rewards, c.offsets);
  Rewards moved(from.size()), expected(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    moved[i] = c.rewards[from[i]];
    expected[i] = before[from[i]];
  }
  promises.expect(close(advantages_of(advantage, moved, c.offsets), expected, 1e-6),
                  "moves with the completions of a group");
}

inline void try_equal(Promises& promises, const Call& advantage, Case c, Rng rng) {
  for (std::size_t g = 0; g < c.groups(); ++g)
    std::ranges::fill(c.group(c.rewards, g), float(rng.below(11)) / 10);
  promises.expect(advantages_of(advantage, c.rewards, c.offsets) == Rewards(c.rewards.size()),
                  "gives equal rewards exactly zero");
}

inline void try_groups(Promises& promises, const Call& advantage, Case c,
                       const AdvantageClaims& claims) {
  Rewards all = advantages_of(advantage, c.rewards, c.offsets);
  for (std::size_t g = 0; g < c.groups(); ++g) {
    const auto own = c.group(all, g), rewards = c.group(c.rewards, g);
    if (claims.groups_apart)
      promises.expect(close(advantages_of(advantage, {rewards.begin(), rewards.end()},
                                          {0, std::int64_t(rewards.size())}),
                            own, 1e-6),
                      "does not depend on other groups");
    if (claims.sums_to_zero)
      promises.expect(std::abs(std::accumulate(own.begin(), own.end(), 0.)) < 1e-5,
                      "sums to zero in a group");
    for (std::size_t i = 0; claims.rises && i < own.size(); ++i)
      for (std::size_t j = 0; j < own.size(); ++j)
        promises.expect(!(rewards[i] < rewards[j]) || own[i] <= own[j],
                        "has no lower advantage for a higher reward");
  }
}

inline void try_moved_rewards(Promises& promises, const Call& advantage, const Case& c,
                              const AdvantageClaims& claims) {
  const Rewards once = advantages_of(advantage, c.rewards, c.offsets);
  Rewards shifted = c.rewards, doubled = c.rewards;
  for (float& r : shifted) r += 4;
  for (float& r : doubled) r *= 2;
  if (claims.ignores_shift)
    promises.expect(close(advantages_of(advantage, shifted, c.offsets), once, 1e-4),
                    "ignores a constant on all rewards");
  if (claims.ignores_scale)
    promises.expect(close(advantages_of(advantage, doubled, c.offsets), once, 1e-3),
                    "ignores the scale of the rewards");
}

/// A group of completions whose tokens have random rewards and probabilities.
struct TokenCase {
  std::array<Rewards, 3> packed{};  ///< rewards, log-probs, sums of squares
  Offsets places{0};

  static std::vector<std::array<Rewards, 3>> completions(Rng rng) {
    std::vector<std::array<Rewards, 3>> made(2 + rng.below(4));
    for (auto& [rewards, log_probs, squares] : made)
      for (std::uint64_t t = rng.below(6); t > 0; --t) {
        const double p = 0.01 + 0.98 * rng.uniform();
        rewards.push_back(float(rng.normal()));
        log_probs.push_back(float(std::log(p)));
        squares.push_back(float(p * p));
      }
    return made;
  }
  explicit TokenCase(const std::vector<std::array<Rewards, 3>>& completions) {
    for (const auto& completion : completions) {
      for (std::size_t k = 0; k < 3; ++k)
        packed[k].insert(packed[k].end(), completion[k].begin(), completion[k].end());
      places.push_back(std::int64_t(packed[0].size()));
    }
  }
};

inline Promises try_all(const Call& advantage, const AdvantageClaims& claims, float low,
                        float high) {
  Promises promises;
  try_sizes(promises, advantage);
  const float base = std::max(low, 0.f);
  try_extremes(promises, advantage, low, high);
  try_extremes(promises, advantage, base, base + 1e-30f);
  try_extremes(promises, advantage, base, base + std::numeric_limits<float>::denorm_min());
  for (std::uint64_t seed = 0; seed < 25; ++seed) {
    const Rng rng(seed);
    const Case c(rng.fork("case"));
    const Rewards once = advantages_of(advantage, c.rewards, c.offsets);
    promises.expect(finite(once), "writes every advantage, and finite ones");
    promises.expect(once == advantages_of(advantage, c.rewards, c.offsets), "gives the same twice");
    try_other_places(promises, advantage, c, rng.fork("places"));
    try_groups(promises, advantage, c, claims);
    try_moved_rewards(promises, advantage, c, claims);
    if (claims.equal_is_zero) try_equal(promises, advantage, c, rng.fork("equal"));
  }
  return promises;
}

inline Promises try_all_tokens(const TokenCall& advantage) {
  Promises promises;
  const auto found = [&](const TokenCase& c, std::size_t room) {
    const Offsets groups{0, std::int64_t(c.places.size()) - 1};
    Rewards out(room, std::numeric_limits<float>::quiet_NaN());
    advantage(TokenRewards{.rewards = c.packed[0],
                           .completions = c.places,
                           .groups = groups,
                           .log_probs = c.packed[1],
                           .sum_p_squared = c.packed[2]},
              out);
    return out;
  };
  promises.expect(found(TokenCase({}), 0).empty(), "takes no completions");
  for (std::uint64_t seed = 0; seed < 25; ++seed) {
    auto completions = TokenCase::completions(Rng(seed));
    const TokenCase c(completions);
    std::ranges::reverse(completions);
    const TokenCase reversed(completions);
    const std::size_t tokens = c.packed[0].size();
    const Rewards once = found(c, tokens), other = found(reversed, tokens);
    promises.expect(finite(once), "writes every advantage, and finite ones");
    promises.expect(once == found(c, tokens), "gives the same twice");
    promises.expect_error("refuses room of another size", [&] { (void)found(c, tokens + 1); });
    // The first of one order is the last of the other.
    const auto at = [](const TokenCase& of, const Rewards& values, std::size_t i) {
      return std::span(values).subspan(std::size_t(of.places[i]),
                                       std::size_t(of.places[i + 1] - of.places[i]));
    };
    for (std::size_t i = 0, n = completions.size(); i < n; ++i)
      promises.expect(close(at(c, once, i), at(reversed, other, n - 1 - i), 1e-6),
                      "moves with the completions of a group");
  }
  return promises;
}

}  // namespace conformance

/// The promises that an estimator breaks, in words.
/// @param low, high  the rewards that it takes; the extremes are tried between them
template <AdvantageEstimator A>
[[nodiscard]] std::vector<std::string> broken_promises(const A& advantage,
                                                       const AdvantageClaims& claims = {},
                                                       float low = -1e30f, float high = 1e30f) {
  auto promises = conformance::try_all(std::cref(advantage), claims, low, high);
  promises.expect(!std::string_view(A::name).empty(), "has a name");
  return promises.broken;
}

/// The promises that a token estimator breaks: as above, as far as they make sense for tokens.
template <TokenAdvantageEstimator A>
[[nodiscard]] std::vector<std::string> broken_token_promises(const A& advantage) {
  auto promises = conformance::try_all_tokens(std::cref(advantage));
  promises.expect(!std::string_view(A::name).empty(), "has a name");
  return promises.broken;
}

/// Fails the running test case once for every broken promise.
template <AdvantageEstimator A>
void check_conforms(const A& advantage, const AdvantageClaims& claims = {}, float low = -1e30f,
                    float high = 1e30f) {
  const auto broken = broken_promises(advantage, claims, low, high);
  for (const std::string& promise : broken) FAIL_CHECK(A::name << " breaks: " << promise);
  CHECK(broken.empty());
}

template <TokenAdvantageEstimator A>
void check_tokens_conform(const A& advantage) {
  const auto broken = broken_token_promises(advantage);
  for (const std::string& promise : broken) FAIL_CHECK(A::name << " breaks: " << promise);
  CHECK(broken.empty());
}

}  // namespace visplay::testing
