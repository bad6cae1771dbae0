// Group losses: one number per group of completions of one prompt, from means over their tokens.
//
// Like a sequence loss, but the call operator sees all completions of the group that have a token.
// It is evaluated once per completion with that completion's mean as the variable, so a group of G
// costs G evaluations over G numbers: nothing beside its tokens. Every token of the group carries the
// result L with its aggregation weight w; completion i with l_i tokens,
//
//   value = sum_t w_t L        d value / d log_prob_t = (sum_s w_s) dL/dmean_i * dsummand_t / l_i
//
// sums over the whole group. Aggregation::sequence_mean makes that the mean over groups, a group
// counting by its completions.
#pragma once

#include <visplay/loss/sequence_loss.hpp>

#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>

namespace visplay {

template <class L>
concept GroupLoss = requires(const L& loss, const TokenTerms<Dual<double>>& token,
                             std::span<const SequenceTerms<Dual<double>>> group) {
  { L::name } -> std::convertible_to<std::string_view>;
  { loss.summand(token) } -> std::same_as<Dual<double>>;
  { loss(group) } -> std::same_as<Dual<double>>;
};

/// log of the sum over the group of exp(of(completion)), without overflow.
template <class T, class Of>
[[nodiscard]] VISPLAY_HD T log_sum_exp(std::span<const SequenceTerms<T>> group, Of of) {
  T largest = of(group.front()), sum(0.f);
  for (const auto& s : group) largest = max(largest, of(s));
  largest = detach(largest);
  for (const auto& s : group) sum = sum + exp(of(s) - largest);
  return largest + log(sum);
}

/// TPO, target policy optimisation (2604.06159): with p the softmax over the group of the completions'
/// log-probs, the loss is the cross-entropy -sum_i q_i log p_i to the target
/// q_i ~ p_old,i exp(A_i / temperature). Its gradient is p - q: it vanishes at the target, where a
/// policy gradient does not. A is meant to be standardised. (TRL's experimental "tpo" is another.)
struct Tpo {
  static constexpr std::string_view name = "tpo";
  float temperature = 1;  ///< > 0

  template <class T>
  VISPLAY_HD T summand(const TokenTerms<T>& t) const {
    return t.log_prob;
  }
  template <class T>
  VISPLAY_HD T constant_summand(const TokenTerms<T>& t) const {
    return t.old_log_prob;
  }
  template <class T>
  VISPLAY_HD T operator()(std::span<const SequenceTerms<T>> group) const {
    const auto log_prob = [](const SequenceTerms<T>& s) { return s.mean * s.length; };
    const auto target = [this](const SequenceTerms<T>& s) {
      return s.constant_mean * s.length + s.advantage / T(temperature);
    };
    const T log_p = log_sum_exp(group, log_prob), log_q = log_sum_exp(group, target);
    T loss(0.f);
    for (const auto& s : group) loss = loss - exp(target(s) - log_q) * (log_prob(s) - log_p);
    return loss;
  }
};
static_assert(GroupLoss<Tpo>);

/// REAL (2602.05630): rewards as labels of a classifier with the score s = mean log r,
/// log(1 + sum over A <= 0 of e^(s / tau)) + log(1 + sum over A > 0 of e^(-s / tau)); 0 for a group
/// that has only one of the two kinds (as ms-swift does).
struct Real {
  static constexpr std::string_view name = "real";
  float tau = 0.5f;  ///< > 0

  template <class T>
  VISPLAY_HD T summand(const TokenTerms<T>& t) const {
    return t.log_prob - t.old_log_prob;
  }
  template <class T>
  VISPLAY_HD T operator()(std::span<const SequenceTerms<T>> group) const {
    const T zero(0.f), one(1.f), never(-1e30f);
    const auto score = [&](const SequenceTerms<T>& s, bool of_success) {
      const auto success = zero < s.advantage;
      const T scaled = s.mean / T(tau);
      return of_success ? select(success, -scaled, never) : select(success, never, scaled);
    };
    T successes = zero;
    for (const auto& s : group) successes = successes + select(zero < s.advantage, one, zero);
    const T both = min(successes, T(float(group.size())) - successes);
    const auto side = [&](bool of_success) {
      return softplus(
          log_sum_exp(group, [&](const SequenceTerms<T>& s) { return score(s, of_success); }));
    };
    return select(zero < both, side(false) + side(true), zero);
  }
};
static_assert(GroupLoss<Real>);

}  // namespace visplay
