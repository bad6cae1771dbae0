// evaluate: an Objective over packed completions. Value, its gradient with respect to each token's
// log-prob, and the metrics of a GRPO step, in one pass over the tokens.
//
//   ThreadPool pool(4);
//   const ObjectiveReport report =
//       evaluate(Objective{}, batch, totals_of(offsets), {.log_probs = gradient}, pool);
//
// Shapes: N tokens in B completions laid end to end, B + 1 offsets. Reads 12 to 20 bytes and writes
// 4 to 8 a token. Tokens are cut into blocks of fixed size whose sums (in double) are merged in order:
// the result is the same to the bit for any number of threads, at one level of instruction set.
#pragma once

#include <visplay/core/dual.hpp>
#include <visplay/core/error.hpp>
#include <visplay/core/grouped_span.hpp>
#include <visplay/core/pack.hpp>
#include <visplay/core/parallel.hpp>
#include <visplay/kernels/lanes.hpp>
#include <visplay/loss/objective.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>

namespace visplay {

/// Views; what they show belongs to the caller.
struct ObjectiveBatch {
  std::span<const std::int64_t> offsets{};     ///< [B + 1]
  std::span<const float> advantages{};         ///< [B]
  std::span<const float> log_probs{};          ///< [N], of the policy in training
  std::span<const float> old_log_probs{};      ///< [N]
  std::span<const float> ref_log_probs{};      ///< [N], or empty: log_probs, so that the KL is 0
  std::span<const float> rollout_log_probs{};  ///< [N], or empty: old_log_probs
  std::span<const float> entropy{};            ///< [N] nats, or empty: 0
};

/// Where the gradient goes; all is overwritten. An empty span: not wanted.
struct ObjectiveGradient {
  std::span<float> log_probs{};  ///< [N]
  std::span<float> entropy{};    ///< [N]
};

/// Of a batch or a part of one; parts add up.
struct ObjectiveReport {
  double value = 0;  ///< weighted by the totals of the whole batch: the value of parts is their sum
  double tokens = 0;
  double ratio_sum = 0;     ///< of pi / pi_old over tokens
  double kl_sum = 0;        ///< of the objective's KL over tokens, without its coefficient
  double entropy_sum = 0;   ///< nats
  double clipped_low = 0;   ///< tokens on the clipped branch below (advantage < 0) ...
  double clipped_high = 0;  ///< ... and above (advantage > 0)

  [[nodiscard]] double mean_ratio() const { return per_token(ratio_sum); }
  [[nodiscard]] double mean_kl() const { return per_token(kl_sum); }
  [[nodiscard]] double mean_entropy() const { return per_token(entropy_sum); }
  [[nodiscard]] double clip_fraction_low() const { return per_token(clipped_low); }
  [[nodiscard]] double clip_fraction_high() const { return per_token(clipped_high); }
  [[nodiscard]] double clip_fraction() const { return per_token(clipped_low + clipped_high); }

  ObjectiveReport& operator+=(const ObjectiveReport& part) {
    value += part.value;
    tokens += part.tokens;
    ratio_sum += part.ratio_sum;
    kl_sum += part.kl_sum;
    entropy_sum += part.entropy_sum;
    clipped_low += part.clipped_low;
    clipped_high += part.clipped_high;
    return *this;
  }

 private:
  [[nodiscard]] double per_token(double sum) const { return tokens > 0 ? sum / tokens : 0.; }
};

inline namespace VISPLAY_ISA {
namespace objective_detail {

/// Adds packs up in double, lane by lane.
class PackSum {
 public:
  void add(const Pack& pack) { lanes_ += __builtin_convertvector(pack.v, Wide); }
  [[nodiscard]] double total() const {
    double sum = 0;
    for (int lane = 0; lane < Pack::lanes; ++lane) sum += lanes_[lane];
    return sum;
  }

 private:
  using Wide = double __attribute__((vector_size(2 * VISPLAY_REGISTER_BYTES)));
  Wide lanes_{};
};

inline Pack load_some(const float* from, int lanes) {
  Pack pack;  // lanes beyond stay 0
  std::memcpy(&pack.v, from, sizeof(float) * std::size_t(lanes));
  return pack;
}

inline void store_some(float* to, const Pack& pack, int lanes) {
  std::memcpy(to, &pack.v, sizeof(float) * std::size_t(lanes));
}

constexpr std::size_t objective_block = 2048;  // tokens; part of what fixes the rounding

/// What is the same for all tokens of a completion, spread over the tokens of a block. Lanes past
/// the block's end have weight and live 0.
struct TokenCoefficients {
  std::array<float, objective_block + Pack::lanes> advantage{}, weight{}, live{};

  template <class Objective>
  TokenCoefficients(const Objective& objective, const ObjectiveBatch& batch,
                    const BatchTotals& totals, std::size_t begin, std::size_t end) {
    const auto after = std::ranges::upper_bound(batch.offsets, std::int64_t(begin));
    std::size_t completion = std::size_t(after - batch.offsets.begin()) - 1;
    for (std::size_t at = begin; at < end; ++completion) {
      const auto first = batch.offsets[completion], last = batch.offsets[completion + 1];
      if (first == last) continue;
      const float each = float(objective.aggregation.weight(last - first, totals));
      for (; at < std::min(end, std::size_t(last)); ++at) {
        advantage[at - begin] = batch.advantages[completion];
        weight[at - begin] = each;
        live[at - begin] = 1.f;
      }
    }
  }
};

/// Tokens that take the clipped branch, for losses that have clip bounds.
template <class Loss>
std::array<Pack, 2> clipped(const Loss& loss, const Pack& ratio, const Pack& advantage) {
  const Pack one(1.f), zero(0.f);
  if constexpr (requires { loss.clip_low, loss.clip_high; }) {
    const auto low = (ratio < Pack(1 - loss.clip_low)) & (advantage < zero);
    const auto high = (Pack(1 + loss.clip_high) < ratio) & (zero < advantage);
    return {select(low, one, zero), select(high, one, zero)};
  }
  return {zero, zero};
}

template <class Objective>
ObjectiveReport evaluate_block(const Objective& objective, const ObjectiveBatch& batch,
                               const BatchTotals& totals, const ObjectiveGradient& gradient,
                               std::size_t begin, std::size_t end) {
  const TokenCoefficients token(objective, batch, totals, begin, end);
  PackSum value, ratios, kls, entropies, low, high;
  for (std::size_t at = begin; at < end; at += Pack::lanes) {
    const int lanes = int(std::min<std::size_t>(Pack::lanes, end - at));
    const auto read = [&](std::span<const float> from, const Pack& otherwise) {
      return from.empty() ? otherwise : load_some(from.data() + at, lanes);
    };
    const Pack log_prob = read(batch.log_probs, 0.f);
    const Pack old = read(batch.old_log_probs, 0.f);
    const Pack entropy = read(batch.entropy, 0.f);
    const Pack advantage = load(&token.advantage[at - begin]);
    const Pack weight = load(&token.weight[at - begin]), live = load(&token.live[at - begin]);
    const TokenTerms<Dual<Pack>> terms{.log_prob = variable(log_prob),
                                       .old_log_prob = old,
                                       .ref_log_prob = read(batch.ref_log_probs, log_prob),
                                       .rollout_log_prob = read(batch.rollout_log_probs, old),
                                       .advantage = advantage,
                                       .entropy = entropy};
    const Dual<Pack> loss = objective(terms);
    if (!gradient.log_probs.empty())
      store_some(gradient.log_probs.data() + at, weight * loss.derivative, lanes);
    if (!gradient.entropy.empty())
      store_some(gradient.entropy.data() + at, weight * Pack(-objective.entropy_coefficient),
                 lanes);

    const Pack ratio = exp(log_prob - old);
    const auto [is_low, is_high] = clipped(objective.loss, ratio, advantage);
    value.add(weight * loss.value);
    ratios.add(live * ratio);
    kls.add(live * objective.kl(terms).value);
    entropies.add(entropy);
    low.add(is_low);
    high.add(is_high);
  }
  return {.value = value.total(),
          .tokens = double(end - begin),
          .ratio_sum = ratios.total(),
          .kl_sum = kls.total(),
          .entropy_sum = entropies.total(),
          .clipped_low = low.total(),
          .clipped_high = high.total()};
}

}  // namespace objective_detail

/// @param totals  of the whole optimiser batch, of which `batch` may be a part
/// @throws Error if the views do not fit each other; an objective with a KL needs ref_log_probs, one
///         with an entropy bonus entropy
template <TokenLoss Loss, TokenLoss Kl>
[[nodiscard]] ObjectiveReport evaluate(const Objective<Loss, Kl>& objective,
                                       const ObjectiveBatch& batch, const BatchTotals& totals,
                                       const ObjectiveGradient& gradient, ThreadPool& pool) {
  const std::size_t tokens = batch.log_probs.size();
  check_offsets(batch.offsets, tokens, "objective");
  const std::size_t completions = batch.offsets.empty() ? 0 : batch.offsets.size() - 1;
  const auto expect = [](std::string_view what, std::size_t got, std::size_t size, bool required) {
    check(got == size || (got == 0 && !required), "objective: expected {} {}, got {}", size, what,
          got);
  };
  expect("advantages", batch.advantages.size(), completions, true);
  expect("old log-probs", batch.old_log_probs.size(), tokens, true);
  expect("reference log-probs", batch.ref_log_probs.size(), tokens, objective.kl_coefficient != 0);
  expect("rollout log-probs", batch.rollout_log_probs.size(), tokens, false);
  expect("entropies", batch.entropy.size(), tokens, objective.entropy_coefficient != 0);
  expect("gradients of log-probs", gradient.log_probs.size(), tokens, false);
  expect("gradients of entropies", gradient.entropy.size(), tokens, false);
  return parallel_reduce<ObjectiveReport>(
      pool, tokens, objective_detail::objective_block,
      [&](std::size_t begin, std::size_t end) {
        return objective_detail::evaluate_block(objective, batch, totals, gradient, begin, end);
      },
      [](ObjectiveReport sum, const ObjectiveReport& part) { return sum += part; });
}

}  // namespace VISPLAY_ISA
}  // namespace visplay
