// One trip over the tokens of completions, a register of them at a time: gradient and sums of an
// objective. The inner loop of kernels/objective.hpp, which is what to call.
//
// A unit may be compiled for another instruction set than the rest of the program. So that none of
// its code is taken for the others' by the linker, all here is in the namespace of the level, and
// nothing of the standard library is called.
#pragma once

#include <visplay/core/dual.hpp>
#include <visplay/core/pack.hpp>
#include <visplay/kernels/lanes.hpp>
#include <visplay/kernels/objective_report.hpp>
#include <visplay/kernels/pack_sum.hpp>
#include <visplay/loss/objective.hpp>
#include <visplay/loss/ratio_bounds.hpp>

#include <cstddef>
#include <type_traits>

namespace visplay {
namespace objective_detail {

/// One number per token; or the same for all: then `data` shows a register of it and `moves` is 0.
struct Column {
  const float* data;
  std::size_t moves = ~std::size_t(0);
};

/// The columns of a TokenBatch. A gradient that is not wanted goes to a place that does not move.
struct TokenColumns {
  Column log_prob, old_log_prob, ref_log_prob, rollout_log_prob, entropy, weight, mark, mask;
  Column advantage;  ///< if has_advantages; else each stretch has its own
  float* gradient;
  std::size_t gradient_moves;
  bool has_ref, has_mask, has_advantages;
};

/// Tokens of one completion.
struct Stretch {
  std::size_t begin = 0, end = 0;
  float advantage = 0;
  float weight = 0;  ///< of each token, by the aggregation
  float slope = 0;   ///< of the policy loss by the token's summand; sequence and group losses
};

/// Over the kept tokens of a stretch.
struct SequenceSums {
  double summand = 0, constant_summand = 0;
  double policy_weight = 0;  ///< without the aggregation's weight
};

/// The passes that an objective needs, as compiled for one level.
template <class Objective>
struct Passes {
  ObjectiveReport (*gradient)(const Objective&, const TokenColumns&, const Stretch*, std::size_t);
  SequenceSums (*sums)(const Objective&, const TokenColumns&, const Stretch&);
};

}  // namespace objective_detail

inline namespace VISPLAY_ISA {
namespace objective_pass {

using namespace objective_detail;

constexpr std::size_t packs_per_sum = 4;

/// Calls body(whole, at, lanes) for each pack of a stretch, whole being a constant: all lanes are
/// kept tokens. Calls widen() after every few.
template <class Body, class Widen>
inline void for_packs(const Stretch& stretch, bool has_mask, const Body& body, const Widen& widen) {
  constexpr std::size_t lanes = Pack::lanes, few = packs_per_sum * lanes;
  for (std::size_t at = stretch.begin; at < stretch.end;) {
    const std::size_t stop = stretch.end - at > few ? at + few : stretch.end;
    if (!has_mask)
      for (; at + lanes <= stop; at += lanes) body(std::true_type{}, at, int(lanes));
    for (; at < stop; at += lanes)
      body(std::false_type{}, at, int(stop - at < lanes ? stop - at : lanes));
    widen();
  }
}

template <class Whole>
inline Pack read(Whole, const Column& column, std::size_t at, int lanes) {
  const float* from = column.data + (at & column.moves);
  return Whole::value ? load(from) : load_first(from, lanes);
}

/// The lanes of kept tokens.
inline PackMask live_lanes(const TokenColumns& columns, std::size_t at, int lanes) {
  PackIntegers lane;
  for (int i = 0; i < Pack::lanes; ++i) lane[i] = i;
  return (lane < lanes) & (read(std::false_type{}, columns.mask, at, lanes).v != 0.f);
}

/// @param advantage  of the stretch
template <class Whole>
inline TokenTerms<Dual<Pack>> terms_at(Whole whole, const TokenColumns& columns,
                                       const Pack& advantage, std::size_t at, int lanes) {
  return {
      .log_prob = variable(read(whole, columns.log_prob, at, lanes)),
      .old_log_prob = read(whole, columns.old_log_prob, at, lanes),
      .ref_log_prob = read(whole, columns.ref_log_prob, at, lanes),
      .rollout_log_prob = read(whole, columns.rollout_log_prob, at, lanes),
      .advantage = columns.has_advantages ? read(whole, columns.advantage, at, lanes) : advantage,
      .entropy = read(whole, columns.entropy, at, lanes),
      .weight = read(whole, columns.weight, at, lanes),
      .mark = read(whole, columns.mark, at, lanes)};
}

/// Tokens that take the clipped branch, 1 or 0, for token losses that bound the ratio.
struct Clipped {
  Pack low, high;
};
template <class Loss>
Clipped clipped(const Loss& loss, const Pack& ratio, const Pack& advantage) {
  if constexpr (TokenLoss<Loss> && BoundsRatio<Loss>) {
    const Pack one(1.f), zero(0.f);
    const RatioBounds bounds = ratio_bounds(loss);
    return {select((ratio < Pack(bounds.low)) & (advantage < zero), one, zero),
            select((Pack(bounds.high) < ratio) & (zero < advantage), one, zero)};
  } else {
    return {};
  }
}

template <class Objective>
class GradientPass {
 public:
  GradientPass(const Objective& objective, const TokenColumns& columns)
      : objective_(objective), columns_(columns) {}

  void add(const Stretch& stretch) {
    const Pack advantage(stretch.advantage), weight(stretch.weight), slope(stretch.slope);
    for_packs(
        stretch, columns_.has_mask,
        [&](auto whole, std::size_t at, int lanes) {
          add_pack(whole, at, lanes, advantage, weight, slope);
        },
        [&] {
          value_.widen(), ratio_.widen(), log_ratio_.widen(), kl_.widen(), entropy_.widen();
          if (columns_.has_mask) tokens_.widen();
        });
    if (!columns_.has_mask) all_tokens_ += stretch.end - stretch.begin;
  }
  [[nodiscard]] ObjectiveReport report() {
    low_.widen(), high_.widen();
    return {.value = value_.total(),
            .tokens = columns_.has_mask ? tokens_.total() : double(all_tokens_),
            .ratio_sum = ratio_.total(),
            .log_ratio_sum = log_ratio_.total(),
            .kl_sum = kl_.total(),
            .entropy_sum = entropy_.total(),
            .clipped_low = low_.total(),
            .clipped_high = high_.total()};
  }

 private:
  /// Loss and derivative by the log-prob, before the aggregation's weight. Sequence and group losses
  /// have a value for the completion only.
  Dual<Pack> policy_loss(const TokenTerms<Dual<Pack>>& terms, const Pack& slope) const {
    const auto& loss = objective_.loss;
    using Loss = std::remove_cvref_t<decltype(loss)>;
    if constexpr (TokenLoss<Loss>) {
      const Pack counts = objective_.policy_weight(terms).value;
      const Dual<Pack> one = loss(terms);
      return {counts * one.value, counts * one.derivative};
    } else {
      const Pack derivative = slope * loss.summand(terms).derivative;
      if constexpr (!token_form<Loss>)
        return {Pack(0.f), derivative};
      else
        return {Pack(0.f), derivative * objective_.policy_weight(terms).value};
    }
  }

  template <class Whole>
  void add_pack(Whole whole, std::size_t at, int lanes, const Pack& advantage, const Pack& weight,
                const Pack& slope) {
    const auto terms = terms_at(whole, columns_, advantage, at, lanes);
    Dual<Pack> loss = policy_loss(terms, slope);
    Dual<Pack> kl(Pack(0.f));
    if (columns_.has_ref) {
      kl = objective_.kl(terms);
      const Pack coefficient(objective_.kl_coefficient);
      loss.value = loss.value + coefficient * kl.value;
      loss.derivative = loss.derivative + coefficient * kl.derivative;
    }
    const Pack entropy = terms.entropy.value;
    loss.value = loss.value - Pack(objective_.entropy_coefficient) * entropy;

    PackMask live{};
    if constexpr (!Whole::value) live = live_lanes(columns_, at, lanes);
    const auto kept = [&](const Pack& pack) {
      return Whole::value ? pack : select(live, pack, Pack(0.f));
    };
    float* to = columns_.gradient + (at & columns_.gradient_moves);
    const Pack gradient = kept(weight * loss.derivative);
    Whole::value ? store(to, gradient) : store_first(to, gradient, lanes);

    const Pack ratio = ratio_of(terms).value;
    const Clipped is = clipped(objective_.loss, ratio, terms.advantage.value);
    value_.add(kept(weight * loss.value));
    ratio_.add(kept(ratio));
    log_ratio_.add(kept(terms.log_prob.value - terms.old_log_prob.value));
    kl_.add(kept(kl.value));
    entropy_.add(kept(entropy));
    if (columns_.has_mask) tokens_.add(kept(Pack(1.f)));
    low_.add(kept(is.low));  // counts: exact in float up to 2^24 a lane
    high_.add(kept(is.high));
  }

  const Objective objective_;  // copies: what is stored could not point into them
  const TokenColumns columns_;
  PackSum value_, ratio_, log_ratio_, kl_, entropy_, tokens_, low_, high_;
  std::size_t all_tokens_ = 0;
};

// Flattened: everything is inlined, so that the sums stay in registers.
template <class Objective>
[[gnu::flatten]] ObjectiveReport gradient_pass(const Objective& objective,
                                               const TokenColumns& columns,
                                               const Stretch* stretches, std::size_t count) {
  GradientPass<Objective> pass(objective, columns);
  for (std::size_t i = 0; i < count; ++i) pass.add(stretches[i]);
  return pass.report();
}

template <class Objective>
[[gnu::flatten]] SequenceSums sums_pass(const Objective& objective_in, const TokenColumns& columns,
                                        const Stretch& stretch) {
  const Objective objective = objective_in;
  const Pack advantage(stretch.advantage);
  PackSum summands, constants, weights;
  for_packs(
      stretch, columns.has_mask,
      [&](auto whole, std::size_t at, int lanes) {
        const auto terms = terms_at(whole, columns, advantage, at, lanes);
        PackMask live{};
        if constexpr (!whole.value) live = live_lanes(columns, at, lanes);
        const auto kept = [&](const Pack& pack) {
          return whole.value ? pack : select(live, pack, Pack(0.f));
        };
        summands.add(kept(objective.loss.summand(terms).value));
        constants.add(kept(constant_summand_of(objective.loss, terms).value));
        weights.add(kept(objective.policy_weight(terms).value));
      },
      [&] { summands.widen(), constants.widen(), weights.widen(); });
  return {summands.total(), constants.total(), weights.total()};
}

/// The passes as this unit is compiled.
template <class Objective>
Passes<Objective> passes_here() {
  using Loss = std::remove_cvref_t<decltype(Objective::loss)>;
  Passes<Objective> passes{&gradient_pass<Objective>, nullptr};
  if constexpr (!TokenLoss<Loss>) passes.sums = &sums_pass<Objective>;
  return passes;
}

}  // namespace objective_pass
}  // namespace VISPLAY_ISA
}  // namespace visplay
