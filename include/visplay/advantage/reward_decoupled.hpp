// RewardDecoupled: GDPO's advantage (2601.05242). Each part of the reward is normalised in its group
// before they are added up, so that a part with a wide spread does not drown the others
//
//   A_i = whiten_batch( sum_k w_k (r_i^k - mean(r^k)) / (std(r^k) + epsilon) )
//
//   RewardDecoupled{.weights = {1, 0.5}}(table.terms, offsets, out);
//
// It reads the columns of a RewardTable, in its order, not their total. A column of penalties has a
// negative weight here as there. TRL: multi_objective_aggregation "normalize_then_sum".
#pragma once

#include <visplay/advantage/group_relative.hpp>
#include <visplay/advantage/whitened.hpp>
#include <visplay/data/reward_table.hpp>

#include <string_view>

namespace visplay {

struct RewardDecoupled {
  static constexpr std::string_view name = "reward_decoupled";
  std::vector<double> weights{};  ///< [columns], any sign; empty: all 1
  GroupRelative part{};           ///< verl epsilon 1e-6, TRL 1e-4
  Whitening whitening{};          ///< Whitening::verl() with lengths, Whitening::trl() without

  /// Whitened with every completion once, as TRL does.
  /// @param columns  [n] scores each
  /// @throws Error if out, the offsets, a column or the weights do not fit
  void operator()(std::span<const RewardTable::Column> columns,
                  std::span<const std::int64_t> offsets, std::span<float> out) const {
    (*this)(columns, offsets, {}, out);
  }

  /// Whitened with every completion as often as it has tokens, as verl does.
  /// @param lengths  [n] tokens, >= 0; empty: every completion once
  void operator()(std::span<const RewardTable::Column> columns,
                  std::span<const std::int64_t> offsets, std::span<const std::int64_t> lengths,
                  std::span<float> out) const {
    check(weights.empty() || weights.size() == columns.size(), "{}: expected {} weights, got {}",
          name, columns.size(), weights.size());
    check(lengths.empty() || lengths.size() == out.size(), "{}: expected {} lengths, got {}", name,
          out.size(), lengths.size());
    std::vector<double> sum(out.size());
    for (std::size_t k = 0; k < columns.size(); ++k) {
      auto batch = detail::read({columns[k].scores, offsets}, out, columns[k].name, part.guard);
      for (std::size_t g = 0; g < batch.groups(); ++g) part.normalise(batch[g]);
      const double weight = weights.empty() ? 1. : weights[k];
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += weight * batch.values[i];
    }
    whitening(sum, lengths);
    std::ranges::transform(sum, out.begin(), detail::to_float);
  }
};

}  // namespace visplay
