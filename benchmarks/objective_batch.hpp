// What the benchmarks of objectives share: a batch of log-probs of B completions of T tokens, or of
// any length up to T, and what is declared of it.
#pragma once

#include <visplay/core/rng.hpp>
#include <visplay/loss/evaluate_plain.hpp>

#include <benchmarks/work.hpp>

#include <cmath>
#include <span>
#include <vector>

#include "tests/support/token_columns.hpp"

namespace visplay {

struct ObjectiveBenchmarkBatch : testing::TokenColumns {
  std::vector<float> gradient;

  ObjectiveBenchmarkBatch(std::int64_t completions, std::int64_t longest, bool ragged = false)
      : TokenColumns{.offsets = {0}} {
    Rng rng(1);
    for (std::int64_t c = 0; c < completions; ++c) {
      const auto length = ragged ? 1 + std::int64_t(rng.below(std::uint64_t(longest))) : longest;
      offsets.push_back(offsets.back() + length);
      advantages.push_back(float(rng.normal()));
    }
    for (std::int64_t t = 0; t < offsets.back(); ++t) {
      const double at = -std::abs(rng.normal());
      old.push_back(float(at));
      log_probs.push_back(float(at + 0.1 * rng.normal()));
      ref.push_back(float(at + 0.1 * rng.normal()));
      entropy.push_back(float(rng.uniform(0, 3)));
    }
    gradient.resize(old.size());
  }
};

/// About; of GRPO with k3, whose two exponentials take 22 each.
constexpr double grpo_flop_a_token = 70;

/// Time and FLOP of a token, and the differences from float64: of the value, and of the gradient in
/// units of its largest number. The columns lie in cache, so no bytes are declared.
inline void declare_objective(benchmark::State& state, double flop_a_token, double value,
                              std::span<const float> gradient, const PlainEvaluation& exact) {
  using benchmark::Counter;
  const auto tokens = double(gradient.size());
  state.counters["a_token"] =
      Counter(tokens, Counter::kIsIterationInvariantRate | Counter::kInvert);
  declare(state, {.flop = flop_a_token * tokens});
  double most = 0, worst = 0;
  for (std::size_t t = 0; t < gradient.size(); ++t) {
    most = larger(most, std::abs(exact.log_prob_gradient[t]));
    worst = larger(worst, std::abs(double(gradient[t]) - exact.log_prob_gradient[t]));
  }
  declare_error(state, std::abs(value - exact.value), 1e-6);
  declare_error(state, worst / most, 3e-6);
}

}  // namespace visplay
