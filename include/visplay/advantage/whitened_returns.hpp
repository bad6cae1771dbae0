// WhitenedReturns: REINFORCE++ (2501.03262). Each token gets the rewards from it to the end, and all
// tokens of the batch together are brought to mean 0 and variance 1
//
//   G_t = sum_{s >= t} gamma^(s - t) r_s,        A_t = (G_t - mean(G)) / sqrt(var(G) + epsilon)
//
// No groups, no critic. With a KL penalty in the reward, r_s is -beta k1_s, plus the score at the
// last token.
#pragma once

#include <visplay/advantage/token_rewards.hpp>
#include <visplay/advantage/whitened.hpp>

#include <string_view>

namespace visplay {

/// Discounted rewards from each token to the end of its completion.
/// @param gamma  in [0, 1]
/// @param out    [N], may be the rewards themselves
/// @throws Error if the batch, gamma or out do not fit
inline void returns_to_go(const TokenRewards& batch, double gamma, std::span<double> out) {
  check(gamma >= 0 && gamma <= 1, "returns: expected gamma from 0 to 1, got {}", gamma);
  check(out.size() == batch.rewards.size(), "returns: expected room for {} tokens, got {}",
        batch.rewards.size(), out.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    double following = 0;
    for (std::size_t t = batch.begin(i + 1); t-- > batch.begin(i);)
      out[t] = following = batch.rewards[t] + gamma * following;
  }
}

struct WhitenedReturns {
  static constexpr std::string_view name = "whitened_returns";
  double gamma = 1;       ///< in [0, 1]; 1 in every system's default
  Whitening whitening{};  ///< over tokens

  /// @throws Error if the batch or out do not fit
  void operator()(const TokenRewards& batch, std::span<float> out) const {
    check_tokens(batch, out, name);
    std::vector<double> returns(out.size());
    returns_to_go(batch, gamma, returns);
    whitening(returns);
    std::ranges::transform(returns, out.begin(), detail::to_float);
  }
};
static_assert(TokenAdvantageEstimator<WhitenedReturns>);

}  // namespace visplay
