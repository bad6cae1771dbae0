// Rewards score a whole batch at once, because some (diversity) compare its members; out[i] is the
// score of batch[i]. A user's own needs no base class and no registration:
//
//   struct LengthPenalty {
//     static constexpr std::string_view name = "length";
//     template <class Sample>
//     void operator()(std::span<const Sample> batch, std::span<float> out) const { ... }
//   };
//   RewardSum reward{Term{1., LabelAccuracy<Exact>{}}, Term{0.1, LengthPenalty{}}};
//   const RewardTable scores = reward(std::span<const AnswerSample>(samples));
//
// tests/conformance/reward.hpp checks one; reward/gate.hpp has gates and products.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/data/reward_table.hpp>

#include <concepts>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace visplay {

template <class R, class Sample>
concept RewardFor = requires(const R& reward, std::span<const Sample> batch, std::span<float> out) {
  { R::name } -> std::convertible_to<std::string_view>;
  { reward(batch, out) } -> std::same_as<void>;
};

/// One reward's scores as a column of a table.
template <class Sample, RewardFor<Sample> Reward>
[[nodiscard]] RewardTable::Column score(Reward reward, std::span<const Sample> batch) {
  RewardTable::Column column{std::string(Reward::name), std::vector<float>(batch.size())};
  reward(batch, std::span<float>(column.scores));
  return column;
}

/// A reward and its factor in a sum; penalties have negative weights.
template <class Reward>
struct Term {
  double weight = 1;
  Reward reward{};
};
template <class Reward>
Term(double, Reward) -> Term<Reward>;

/// Total: the weighted sum of the terms, added up in double.
template <class... Rewards>
struct RewardSum {
  std::tuple<Term<Rewards>...> terms;

  explicit RewardSum(Term<Rewards>... terms) : terms(std::move(terms)...) {}

  template <class Sample>
  [[nodiscard]] RewardTable operator()(std::span<const Sample> batch) const {
    static_assert((RewardFor<Rewards, Sample> && ...),
                  "RewardSum: a reward is a struct with a static name and a call "
                  "(std::span<const Sample>, std::span<float>) const");
    RewardTable table;
    std::vector<double> sum(batch.size());
    const auto add = [&](const auto& term) {
      table.terms.push_back(score(term.reward, batch));
      const std::vector<float>& scores = table.terms.back().scores;
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += term.weight * scores[i];
    };
    std::apply([&](const auto&... term) { (add(term), ...); }, terms);
    table.total.assign(sum.begin(), sum.end());
    return table;
  }
};

}  // namespace visplay
