// OptimalTokenBaseline: a baseline of least variance for every token position (OTB; verl's
// optimal_token_baseline)
//
//   A_it = G_it - B_t,        B_t = sum_i G_it W_it / (sum_i W_it + epsilon)
//   W_it = sum_{s <= t} rho_is^2 (1 - 2 p_is + sum_v p_v^2)
//
// over the completions of the group that are at least t long. G: rewards from t to the end; p: the
// chosen token's probability; W: squared gradient norm of the logits so far; rho: rollout weights.
#pragma once

#include <visplay/advantage/estimator.hpp>
#include <visplay/advantage/whitened_returns.hpp>

#include <string_view>

namespace visplay {

struct OptimalTokenBaseline {
  static constexpr std::string_view name = "optimal_token_baseline";
  double epsilon = 1e-8;  ///< >= 0
  /// Where only the longest completion of a group goes on, its own return would be its baseline.
  bool free_tail = true;  ///< true: no baseline there (verl's handle_zero_tail); false: A = 0 there
  Lone lone = Lone::zero;  ///< raw: a group of one has no baseline (verl)

  /// @param batch  with groups, log_probs and sum_p_squared
  /// @throws Error if the batch or out do not fit
  void operator()(const TokenRewards& batch, std::span<float> out) const {
    check_batch(batch, out);
    std::vector<double> returns(out.size());
    returns_to_go(batch, 1, returns);
    const std::vector<double> energy = energies(batch);
    const std::size_t groups = batch.groups.empty() ? 0 : batch.groups.size() - 1;
    for (std::size_t g = 0; g < groups; ++g)
      subtract_baseline(batch, std::size_t(batch.groups[g]), std::size_t(batch.groups[g + 1]),
                        energy, returns);
    std::ranges::transform(returns, out.begin(), detail::to_float);
  }

 private:
  static void check_batch(const TokenRewards& batch, std::span<float> out) {
    check_tokens(batch, out, name);
    check_offsets(batch.groups, batch.size(), name);
    detail::check_count(batch.log_probs.size(), out.size(), name, "log-probs");
    detail::check_count(batch.sum_p_squared.size(), out.size(), name, "sums of squares");
    if (!batch.rollout_weights.empty())
      detail::check_count(batch.rollout_weights.size(), out.size(), name, "rollout weights");
  }

  // W of every token.
  static std::vector<double> energies(const TokenRewards& batch) {
    std::vector<double> energy(batch.rewards.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      double so_far = 0;
      for (std::size_t t = batch.begin(i); t < batch.begin(i + 1); ++t) {
        const double rho = batch.rollout_weights.empty() ? 1. : batch.rollout_weights[t];
        const double p = std::exp(double(batch.log_probs[t]));
        energy[t] = so_far += rho * rho * (1 - 2 * p + batch.sum_p_squared[t]);
      }
    }
    return energy;
  }

  // Completions first ... last - 1 are the group. Returns become advantages.
  void subtract_baseline(const TokenRewards& batch, std::size_t first, std::size_t last,
                         std::span<const double> energy, std::span<double> returns) const {
    if (last - first == 1 && lone == Lone::raw) return;
    std::size_t longest = 0;
    for (std::size_t i = first; i < last; ++i) longest = std::max(longest, batch.length(i));
    for (std::size_t t = 0; t < longest; ++t) {
      double weighted = 0, weights = 0;
      std::size_t alive = 0, at = 0;
      const auto each = [&](auto&& use) {
        for (std::size_t i = first; i < last; ++i)
          if (t < batch.length(i)) use(at = batch.begin(i) + t);
      };
      each([&](std::size_t token) {
        weighted += returns[token] * energy[token];
        weights += energy[token];
        ++alive;
      });
      if (alive == 1) {
        if (!free_tail || last - first == 1) returns[at] = 0;
        continue;
      }
      const double baseline = weighted / (weights + epsilon);
      each([&](std::size_t token) { returns[token] -= baseline; });
    }
  }
};
static_assert(TokenAdvantageEstimator<OptimalTokenBaseline>);

}  // namespace visplay
