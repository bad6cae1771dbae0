// Sequence and group losses on CUDA (loss/sequence_loss.hpp, loss/group_loss.hpp): means over each
// completion, then the loss and its slope from them in double. ObjectiveKernel visits the tokens again.
#pragma once

#include <visplay/kernels/cuda/group_kernel.hpp>
#include <visplay/kernels/cuda/objective_columns.hpp>

#include <cmath>
#include <cstddef>
#include <span>

namespace visplay {

/// Over the kept tokens of a completion.
struct CompletionSums {
  double summand = 0, constant_summand = 0;
  double policy_weight = 0;  ///< without the aggregation's weight
  double length = 0;
};
struct AddCompletionSums {
  VISPLAY_DEVICE CompletionSums operator()(const CompletionSums& a, const CompletionSums& b) const {
    return {a.summand + b.summand, a.constant_summand + b.constant_summand,
            a.policy_weight + b.policy_weight, a.length + b.length};
  }
};

/// Block b does completion b.
template <class Objective>
struct CompletionSumsKernel {
  static constexpr int threads = 256;
  Objective objective{};
  ObjectiveColumns columns{};
  GlobalView<CompletionSums> sums{};  ///< [B]

  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    const auto completion = std::size_t(block.index());
    const auto end = std::size_t(block.read(columns.offsets, completion + 1));
    CompletionSums mine;
    for (auto t =
             std::size_t(block.read(columns.offsets, completion)) + std::size_t(block.thread());
         t < end; t += std::size_t(block.threads())) {
      if (!columns.kept(block, t)) continue;
      const auto terms = columns.template terms<float>(block, completion, t);
      mine.summand += double(objective.loss.summand(terms).value);
      mine.constant_summand += double(constant_summand_of(objective.loss, terms).value);
      mine.policy_weight += double(objective.policy_weight(terms).value);
      mine.length += 1;
    }
    const CompletionSums all = block_reduce<0>(block, mine, AddCompletionSums{});
    if (block.thread() == 0) block.write(sums, completion, all);
  }
};

namespace sequence_detail {

using Terms = SequenceTerms<Dual<double>>;

VISPLAY_DEVICE inline Terms terms_of(const CompletionSums& sums, float advantage) {
  Terms terms;
  terms.mean = Dual<double>(sums.summand / sums.length);
  terms.constant_mean = Dual<double>(sums.constant_summand / sums.length);
  terms.advantage = Dual<double>(double(advantage));
  terms.length = Dual<double>(sums.length);
  return terms;
}

/// What a token's summand moves the objective by, less the aggregation's weight.
/// @param total  of all weights that carry the loss
template <class Loss>
VISPLAY_DEVICE float slope_of(double derivative, double total, double length, float weight) {
  return token_form<Loss> ? float(derivative)
                          : float(total * derivative / (length * double(weight)));
}

}  // namespace sequence_detail

/// A thread a completion.
template <class Loss>
struct SequenceLossKernel {
  static constexpr int threads = 64;
  Loss loss{};
  GlobalView<const CompletionSums> sums{};          ///< [B]
  GlobalView<const float> advantages{}, weights{};  ///< [B]
  GlobalView<CompletionLoss> losses{};              ///< [B]

  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    using namespace sequence_detail;
    const auto i =
        std::size_t(block.index()) * std::size_t(block.threads()) + std::size_t(block.thread());
    if (i >= losses.count) return;
    const CompletionSums own = block.read(sums, i);
    CompletionLoss result;
    if (own.length > 0) {
      const float weight = block.read(weights, i);
      Terms terms = terms_of(own, block.read(advantages, i));
      count_clipped(loss, std::exp(terms.mean.value), terms.advantage.value, own.length, result);
      terms.mean = variable(terms.mean.value);
      const Dual<double> here = loss(terms);
      const double total = double(weight) * own.policy_weight;
      result.value = total * here.value;
      result.slope = slope_of<Loss>(here.derivative, total, own.length, weight);
    }
    block.write(losses, i, result);
  }
};

/// Block g does group g. A thread takes every 32nd completion for the variable, over terms of its own.
template <class Loss>
struct GroupLossKernel {
  static constexpr int threads = 32;
  Loss loss{};
  GlobalView<const CompletionSums> sums{};          ///< [B]
  GlobalView<const float> advantages{}, weights{};  ///< [B]
  GlobalView<const std::int64_t> groups{};          ///< [P + 1], or none: one group
  GlobalView<sequence_detail::Terms> terms{};       ///< [threads, B], work space
  GlobalView<CompletionLoss> losses{};              ///< [B]

  template <Block B>
  VISPLAY_DEVICE void operator()(B& block) const {
    using namespace sequence_detail;
    const GroupRange range = range_of(block, groups, losses.count);
    const std::size_t mine = std::size_t(block.thread()) * losses.count + range.begin;
    double total = 0;
    std::size_t count = 0;
    for (std::size_t i = range.begin; i < range.end; ++i) {
      const CompletionSums own = block.read(sums, i);
      if (own.length == 0) continue;
      total += double(block.read(weights, i)) * own.policy_weight;
      block.write(terms, mine + count++, terms_of(own, block.read(advantages, i)));
    }
    const std::span<const Terms> group(terms.data + mine, count);
    for (std::size_t i = range.begin, k = 0; i < range.end; ++i) {
      const double length = block.read(sums, i).length;
      if ((i - range.begin) % std::size_t(threads) == std::size_t(block.thread())) {
        CompletionLoss result;
        if (length > 0) {
          const Dual<double> here = loss_by(block, group, mine + k);
          if (k == 0) result.value = total * here.value;
          result.slope = slope_of<Loss>(here.derivative, total, length, block.read(weights, i));
        }
        block.write(losses, i, result);
      }
      k += length > 0;
    }
  }

 private:
  /// With the mean of terms[at] as the variable.
  template <Block B>
  VISPLAY_DEVICE Dual<double> loss_by(B& block, std::span<const sequence_detail::Terms> group,
                                      std::size_t at) const {
    auto own = block.read(terms, at);
    own.mean = variable(own.mean.value);
    block.write(terms, at, own);
    const Dual<double> here = loss(group);
    own.mean = detach(own.mean);
    block.write(terms, at, own);
    return here;
  }
};

}  // namespace visplay
