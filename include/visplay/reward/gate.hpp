// Rewards made of rewards.
//
//   Gated{QuestionFormat{}, Difficulty{}, -1.f}     the second, or -1 where the first scores 0
//   Product{ShareAccuracy{}, LengthBudget{}}        both, multiplied
//   GatedSum{RewardSum{...}, QuestionFormat{}}      the sum, floored, or 0 where a gate scores 0
//
// So the modes of VisPlay can be written out, and changed, by hand:
//
//   const GatedSum paper{RewardSum{Term{1., Difficulty{}}, Term{-1., Diversity{}}}, QuestionFormat{}};
//   const RewardSum official{
//       Term{1., Gated{QuestionFormat{}, Difficulty{Difficulty::Shape::smaller_share}, -1.f}},
//       Term{-1., Diversity{Diversity::Scope::batch}}};
#pragma once

#include <visplay/reward/reward.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>
#include <tuple>
#include <vector>

namespace visplay {

template <class Gate, class Reward>
struct Gated {
  static constexpr std::string_view name = Reward::name;
  Gate gate{};
  Reward reward{};
  float otherwise = 0;  ///< the score where the gate's is 0

  template <class Sample>
  requires RewardFor<Gate, Sample> && RewardFor<Reward, Sample>
  void operator()(std::span<const Sample> batch, std::span<float> out) const {
    reward(batch, out);
    const auto open = score(gate, batch).scores;
    for (std::size_t i = 0; i < out.size(); ++i)
      if (open[i] == 0) out[i] = otherwise;
  }
};
template <class Gate, class Reward>
Gated(Gate, Reward, float) -> Gated<Gate, Reward>;
template <class Gate, class Reward>
Gated(Gate, Reward) -> Gated<Gate, Reward>;

template <class Reward, class Factor>
struct Product {
  static constexpr std::string_view name = Reward::name;
  Reward reward{};
  Factor factor{};

  template <class Sample>
  requires RewardFor<Reward, Sample> && RewardFor<Factor, Sample>
  void operator()(std::span<const Sample> batch, std::span<float> out) const {
    reward(batch, out);
    const auto factors = score(factor, batch).scores;
    for (std::size_t i = 0; i < out.size(); ++i) out[i] *= factors[i];
  }
};
template <class Reward, class Factor>
Product(Reward, Factor) -> Product<Reward, Factor>;

/// The table has the gates first, then the terms; total = max(0, sum) where every gate is open, else 0.
/// So a zero can be told from a zero: malformed, too easy, or too much like others.
template <class Sum, class... Gates>
struct GatedSum {
  Sum sum;
  std::tuple<Gates...> gates;

  explicit GatedSum(Sum sum, Gates... gates) : sum(std::move(sum)), gates(std::move(gates)...) {}

  template <class Sample>
  [[nodiscard]] RewardTable operator()(std::span<const Sample> batch) const {
    RewardTable inner = sum(batch), table;
    std::apply([&](const auto&... gate) { (table.terms.push_back(score(gate, batch)), ...); },
               gates);
    for (float& total : inner.total) total = std::max(0.f, total);
    for (const auto& gate : table.terms)
      for (std::size_t i = 0; i < batch.size(); ++i)
        if (gate.scores[i] == 0) inner.total[i] = 0;
    for (auto& term : inner.terms) table.terms.push_back(std::move(term));
    table.total = std::move(inner.total);
    return table;
  }
};

}  // namespace visplay
