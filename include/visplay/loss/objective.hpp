// Objective: everything that is minimised, as one token loss and the way its tokens are added up:
//
//   loss + kl_coefficient * kl - entropy_coefficient * entropy
//
//   Objective{.loss = ClippedSurrogate{}, .kl = K3{}, .kl_coefficient = 0.01f};
//
// kernels/objective.hpp evaluates it over a batch: value, gradient and metrics in one pass.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/loss/aggregation.hpp>
#include <visplay/loss/token_loss.hpp>

#include <string_view>

namespace visplay {

template <TokenLoss Loss = ClippedSurrogate, TokenLoss Kl = K3>
struct Objective {
  static constexpr std::string_view name = "objective";
  Loss loss{};
  Kl kl{};
  float kl_coefficient = 0.01f;   ///< beta, >= 0; VisPlay's scripts use 1e-2
  float entropy_coefficient = 0;  ///< bonus for entropy in nats, >= 0
  Aggregation aggregation{};

  template <class T>
  VISPLAY_HD T operator()(const TokenTerms<T>& t) const {
    return loss(t) + T(kl_coefficient) * kl(t) - T(entropy_coefficient) * t.entropy;
  }
};
static_assert(TokenLoss<Objective<>>);

}  // namespace visplay
