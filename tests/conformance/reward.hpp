// The conformance suite of rewards: run it on your own in a Catch2 test.
//
//   #include "conformance/reward.hpp"
//   TEST_CASE("my reward keeps the contract") {
//     conformance::check_reward(LengthPenalty{}, [](Rng rng) {
//       return AnswerSample{.group = std::int64_t(rng.below(3)), .length = std::int64_t(rng.below(99))};
//     });
//   }
//
// What it shows, over random batches and the empty one: one finite score per sample and none beyond;
// the same scores for the same batch, whatever stood in the output before; room that does not fit is
// refused with an Error that names the reward. check_sample_reward adds, for rewards that look at one
// sample at a time: a sample's score does not depend on the others. check_order_free, for those that
// compare samples: nor on their order.
#pragma once

#include <visplay/core/rng.hpp>
#include <visplay/reward/reward.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <vector>

namespace visplay::conformance {

namespace detail {

template <class Sample, class Draw>
std::vector<Sample> batch_of(const Draw& draw, Rng rng, std::size_t n) {
  std::vector<Sample> batch;
  for (std::size_t i = 0; i < n; ++i) batch.push_back(draw(rng.fork("sample", i)));
  return batch;
}

template <class Reward, class Sample>
std::vector<float> scores_of(const Reward& reward, const std::vector<Sample>& batch, float before) {
  std::vector<float> out(batch.size() + 1, before);  // one more than the reward is told of
  reward(std::span<const Sample>(batch), std::span<float>(out).first(batch.size()));
  CHECK(std::memcmp(&out.back(), &before, sizeof before) == 0);
  out.pop_back();
  return out;
}

}  // namespace detail

/// @param draw  Rng -> Sample
template <class Reward, class Draw>
void check_reward(const Reward& reward, const Draw& draw) {
  using Sample = decltype(draw(Rng(0)));
  static_assert(RewardFor<Reward, Sample>,
                "a reward has a static name and void operator()(std::span<const Sample>, "
                "std::span<float>) const");
  const std::string name(Reward::name);
  CHECK_FALSE(name.empty());
  CHECK(std::ranges::none_of(name, [](char c) { return c == ' ' || ('A' <= c && c <= 'Z'); }));
  for (const std::size_t n : {0, 1, 2, 7, 32}) {
    INFO(name << ", batch of " << n);
    const auto batch = detail::batch_of<Sample>(draw, Rng(11).fork("batch", n), n);
    const auto scores = detail::scores_of(reward, batch, 7.f);
    CHECK(std::ranges::all_of(scores, [](float s) { return std::isfinite(s); }));
    CHECK(scores == detail::scores_of(reward, batch, std::numeric_limits<float>::quiet_NaN()));
    std::vector<float> wrong(n + 1);
    CHECK_THROWS_MATCHES(reward(std::span<const Sample>(batch), std::span<float>(wrong)), Error,
                         Catch::Matchers::MessageMatches(Catch::Matchers::ContainsSubstring(name)));
  }
}

/// The same, and every sample is scored as if it were alone.
template <class Reward, class Draw>
void check_sample_reward(const Reward& reward, const Draw& draw) {
  using Sample = decltype(draw(Rng(0)));
  check_reward(reward, draw);
  const auto batch = detail::batch_of<Sample>(draw, Rng(12), 24);
  const auto together = detail::scores_of(reward, batch, 0.f);
  for (std::size_t i = 0; i < batch.size(); ++i)
    CHECK(detail::scores_of(reward, std::vector<Sample>{batch[i]}, 0.f)[0] == together[i]);
}

/// The same as check_reward, and a shuffled batch has the shuffled scores.
template <class Reward, class Draw>
void check_order_free(const Reward& reward, const Draw& draw) {
  using Sample = decltype(draw(Rng(0)));
  check_reward(reward, draw);
  const auto batch = detail::batch_of<Sample>(draw, Rng(13), 24);
  const auto scores = detail::scores_of(reward, batch, 0.f);
  std::vector<std::size_t> order(batch.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  Rng rng(14);
  rng.shuffle(order);
  std::vector<Sample> shuffled;
  for (const std::size_t i : order) shuffled.push_back(batch[i]);
  const auto moved = detail::scores_of(reward, shuffled, 0.f);
  for (std::size_t i = 0; i < order.size(); ++i) CHECK(moved[i] == scores[order[i]]);
}

}  // namespace visplay::conformance
