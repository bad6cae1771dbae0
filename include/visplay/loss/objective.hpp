// Objective: everything that is minimised, and the way it is added up over tokens:
//
//   weight * correction * loss + kl_coefficient * kl - entropy_coefficient * entropy
//
//   Objective{.loss = ClippedSurrogate{}, .kl = K3{}, .kl_coefficient = 0.01f};
//   Objective{.loss = Gspo{}, .kl_coefficient = 0, .correction = TokenTis{.cap = 2}};
//
// The loss is a token, sequence or group loss; presets.hpp has those of known systems.
// kernels/objective.hpp evaluates one over a batch: value, gradient and metrics in one pass;
// evaluate_plain.hpp does it in double precision, to read and to test against.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/loss/aggregation.hpp>
#include <visplay/loss/correction.hpp>
#include <visplay/loss/group_loss.hpp>
#include <visplay/loss/kl.hpp>
#include <visplay/loss/sequence_loss.hpp>
#include <visplay/loss/token_loss.hpp>

#include <string_view>

namespace visplay {

template <class Loss>
concept PolicyLoss = TokenLoss<Loss> || SequenceLoss<Loss> || GroupLoss<Loss>;

template <class Loss = ClippedSurrogate, class Kl = K3, class Correction = NoCorrection>
struct Objective {
  static_assert(PolicyLoss<Loss>,
                "Objective: a loss is a struct with a static name and T operator()(const "
                "TokenTerms<T>&) const (or that of a SequenceLoss or GroupLoss) for every T");
  static_assert(TokenLoss<Kl>,
                "Objective: a KL is a struct with a static name and T operator()(const "
                "TokenTerms<T>&) const for every T");
  static_assert(TokenCorrection<Correction>,
                "Objective: a correction is a struct with a static name and T operator()(const "
                "TokenTerms<T>&) const for every T");

  static constexpr std::string_view name = "objective";
  Loss loss{};
  Kl kl{};
  float kl_coefficient = 0.01f;   ///< beta, >= 0; VisPlay's scripts use 1e-2
  float entropy_coefficient = 0;  ///< bonus for entropy in nats, >= 0
  Correction correction{};        ///< of the policy loss; needs rollout log-probs
  Aggregation aggregation{};

  /// Of one token. Sequence and group losses have no value of their own there; evaluators use the
  /// two functions below.
  template <class T>
  requires TokenLoss<Loss> VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    return policy_weight(t) * loss(t) + regularizer(t);
  }
  /// What the policy loss of this token counts; without derivative.
  template <class T>
  VISPLAY_HD T policy_weight(const TokenTerms<T>& t) const {
    return t.weight * correction(t);
  }
  /// The part that neither weights nor corrections touch.
  template <class T>
  VISPLAY_HD T regularizer(const TokenTerms<T>& t) const {
    return T(kl_coefficient) * kl(t) - T(entropy_coefficient) * t.entropy;
  }
};
static_assert(TokenLoss<Objective<>>);

}  // namespace visplay
