// Whitened: another estimator's advantages, brought to mean 0 and variance 1 over the whole batch
//
//   A_i = (a_i - mean(a)) / sqrt(var(a) + epsilon)
//
//   Whitened<Centred>      REINFORCE++-baseline (2501.03262)
//   Whitened<Raw>          mean and standard deviation of the batch, no groups
//   Whitened<LeaveOneOut>  RLOO as TRL runs it with normalize_advantages
//
// Every completion counts once (TRL), or as often as it has tokens (verl, OpenRLHF):
//
//   Whitened<Centred>{}(rewards, lengths, out);
#pragma once

#include <visplay/advantage/centred.hpp>
#include <visplay/advantage/raw.hpp>

#include <string_view>

namespace visplay {

/// How values become mean 0 and variance 1.
struct Whitening {
  enum class Epsilon { in_variance, beside_std };
  Epsilon place = Epsilon::in_variance;  ///< sqrt(var + epsilon), as verl; std + epsilon, as TRL
  double epsilon = 1e-8;                 ///< >= 0; verl 1e-8, TRL 1e-4
  bool unbiased = true;                  ///< n - 1 (verl, TRL); false: n (OpenRLHF)
  double min_std = 0;                    ///< >= 0; the least standard deviation divided by

  static constexpr Whitening verl() { return {}; }
  static constexpr Whitening trl() { return {.place = Epsilon::beside_std, .epsilon = 1e-4}; }

  [[nodiscard]] double divisor(double variance) const {
    const double least = std::max(variance, min_std * min_std);
    return place == Epsilon::in_variance ? std::sqrt(least + epsilon) : std::sqrt(least) + epsilon;
  }

  /// In place. Value i counts weights[i] >= 0 times; without weights, once. Equal values, or a
  /// single one, become zero. Values of weight zero are moved and scaled like the rest.
  void operator()(std::span<double> values, std::span<const std::int64_t> weights = {}) const {
    const auto weight = [&](std::size_t i) { return weights.empty() ? 1. : double(weights[i]); };
    double n = 0, sum = 0, squares = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      n += weight(i);
      sum += weight(i) * values[i];
    }
    if (n < 2 || detail::all_equal(values)) {
      std::ranges::fill(values, 0.);
      return;
    }
    const double centre = sum / n;
    for (std::size_t i = 0; i < values.size(); ++i)
      squares += weight(i) * (values[i] - centre) * (values[i] - centre);
    const double scale = divisor(squares / (unbiased ? n - 1 : n));
    for (double& v : values) v = (v - centre) / scale;
  }
};

template <class Inner = Raw>
struct Whitened {
  static_assert(checked_estimator<Inner>());
  static constexpr std::string_view name = "whitened";
  Inner inner{};
  Whitening whitening{};

  /// Every completion counts once.
  /// @throws Error if out or the offsets do not fit the rewards
  void operator()(GroupedSpan rewards, std::span<float> out) const {
    inner(rewards, out);
    whiten(out, {});
  }

  /// Every completion counts as often as it has tokens.
  /// @param lengths  [n] tokens, >= 0
  /// @throws Error if out, the offsets or the lengths do not fit the rewards
  void operator()(GroupedSpan rewards, std::span<const std::int64_t> lengths,
                  std::span<float> out) const {
    detail::check_count(lengths.size(), rewards.values.size(), name, "lengths");
    inner(rewards, out);
    whiten(out, lengths);
  }

 private:
  void whiten(std::span<float> out, std::span<const std::int64_t> lengths) const {
    std::vector<double> values(out.begin(), out.end());
    whitening(values, lengths);
    std::ranges::transform(values, out.begin(), detail::to_float);
  }
};
static_assert(AdvantageEstimator<Whitened<>> && AdvantageEstimator<Whitened<Centred>>);

/// REINFORCE++-baseline (2501.03262): r - mean of its group, whitened over the batch.
using ReinforceBaseline = Whitened<Centred>;

}  // namespace visplay
