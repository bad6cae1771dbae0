// cuda::evaluate: kernels/objective.hpp's evaluate over memory of the device. Objectives of the losses
// in kernels.cu are in visplay::cuda; any other, a user's own among them, needs one line compiled by
// nvcc (launch_kernel.cuh).
//
//   cuda::evaluate(Objective{}, batch, totals, {.log_probs = gradient}, report, stream);
//
// All that the spans of `batch` and `gradient` show is the device's. Same to the bit from call to call.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/kernels/cuda/device_executor.hpp>
#include <visplay/kernels/cuda/objective_driver.hpp>
#include <visplay/kernels/objective.hpp>
#include <visplay/loss/objective.hpp>
#include <visplay/loss/token_batch.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace visplay::cuda {

/// An aggregation's weights as a rule that the device applies: each is a power of a length.
/// Totals without a token: no completion has a weight.
/// @throws Error if the totals hold no completion, or the constant length is not positive
[[nodiscard]] inline TokenWeightRule rule_of(const Aggregation& aggregation,
                                             const BatchTotals& totals) {
  using Kind = Aggregation::Kind;
  if (totals.tokens == 0) return {.of_one = std::numeric_limits<double>::quiet_NaN()};
  TokenWeightRule rule{.of_one = aggregation.weight(1, totals, 1)};
  if (aggregation.kind == Kind::sequence_mean || aggregation.kind == Kind::group_token_mean)
    rule.exponent = 1;
  if (aggregation.kind == Kind::alpha) rule.exponent = 1 - double(aggregation.alpha);
  rule.by_group = aggregation.kind == Kind::group_token_mean;
  return rule;
}

[[nodiscard]] inline ObjectiveColumns columns_of(const TokenBatch& batch) {
  return {.offsets = view_of(batch.offsets),
          .advantages = view_of(batch.advantages),
          .token_advantages = view_of(batch.token_advantages),
          .log_probs = view_of(batch.log_probs),
          .old_log_probs = view_of(batch.old_log_probs),
          .ref_log_probs = view_of(batch.ref_log_probs),
          .rollout_log_probs = view_of(batch.rollout_log_probs),
          .entropy = view_of(batch.entropy),
          .weights = view_of(batch.weights),
          .marks = view_of(batch.marks),
          .mask = view_of(batch.mask)};
}

/// @throws Error if sizes do not fit each other; what lies in device memory is not looked at: offsets must
/// rise from 0 to the tokens, borders of groups from 0 to the completions
inline void check_sizes(const TokenBatch& batch, const ObjectiveGradient& gradient, bool has_kl,
                        bool has_entropy, bool of_tokens) {
  const auto expect = [](std::string_view what, std::size_t got, std::size_t size, bool required) {
    check(got == size || (got == 0 && !required), "objective: expected {} {}, got {}", size, what,
          got);
  };
  const std::size_t tokens = batch.tokens(), completions = batch.completions();
  check(completions > 0 || tokens == 0, "objective: {} tokens have no offsets", tokens);
  check(batch.groups.size() != 1 || completions == 0,
        "objective: one border of groups holds none of {} completions", completions);
  expect("advantages", batch.advantages.size(), completions,
         batch.token_advantages.empty() || !of_tokens);
  expect("token advantages", batch.token_advantages.size(), of_tokens ? tokens : 0, false);
  expect("old log-probs", batch.old_log_probs.size(), tokens, true);
  expect("reference log-probs", batch.ref_log_probs.size(), tokens, has_kl);
  expect("rollout log-probs", batch.rollout_log_probs.size(), tokens, false);
  expect("entropies", batch.entropy.size(), tokens, has_entropy);
  expect("weights", batch.weights.size(), tokens, false);
  expect("marks", batch.marks.size(), tokens, false);
  expect("mask values", batch.mask.size(), tokens, false);
  expect("gradients of log-probs", gradient.log_probs.size(), tokens, false);
  expect("gradients of entropies", gradient.entropy.size(), tokens, false);
}

/// A checked call. @param report  of the device
template <PolicyLoss Loss, TokenLoss Kl, TokenCorrection Correction>
[[nodiscard]] ObjectiveCall<DeviceObjective<Loss, Kl, Correction>> objective_call(
    const Objective<Loss, Kl, Correction>& objective, const TokenBatch& batch,
    const BatchTotals& totals, const ObjectiveGradient& gradient, ObjectiveReport* report) {
  check_sizes(batch, gradient, objective.kl_coefficient != 0, objective.entropy_coefficient != 0,
              TokenLoss<Loss>);
  check(report, "objective: the report goes to memory of the device, got null");
  return {.objective = {objective.loss, objective.kl, objective.kl_coefficient,
                        objective.entropy_coefficient, objective.correction},
          .columns = columns_of(batch),
          .groups = view_of(batch.groups),
          .rule = batch.tokens() > 0 ? rule_of(objective.aggregation, totals) : TokenWeightRule{},
          .gradient = view_of(gradient.log_probs),
          .entropy_gradient = view_of(gradient.entropy),
          .report = {report, 1}};
}

/// Asynchronous. @param totals  of the whole optimiser batch @param report  of the device
/// @throws Error if sizes do not fit each other
template <PolicyLoss Loss, TokenLoss Kl, TokenCorrection Correction>
void evaluate(const Objective<Loss, Kl, Correction>& objective, const TokenBatch& batch,
              const BatchTotals& totals, const ObjectiveGradient& gradient, ObjectiveReport* report,
              Stream& stream) {
  const auto call = objective_call(objective, batch, totals, gradient, report);
  const Stream::Space memory(stream, ObjectiveSpace(Area(), call).bytes);
  DeviceExecutor executor(stream, "evaluate");
  evaluate(executor, call, ObjectiveSpace(Area(memory.data()), call));
}

/// Waits for the report.
template <PolicyLoss Loss, TokenLoss Kl, TokenCorrection Correction>
[[nodiscard]] ObjectiveReport evaluate(const Objective<Loss, Kl, Correction>& objective,
                                       const TokenBatch& batch, const BatchTotals& totals,
                                       const ObjectiveGradient& gradient, Stream& stream) {
  const Stream::Space memory(stream, sizeof(ObjectiveReport));
  auto* const on_device = reinterpret_cast<ObjectiveReport*>(memory.data());
  evaluate(objective, batch, totals, gradient, on_device, stream);
  ObjectiveReport report;
  stream.fetch(&report, on_device, sizeof(report));
  return report;
}

/// totals_of (loss/token_batch.hpp) of a batch on the device. Waits.
[[nodiscard]] inline BatchTotals totals_of(const TokenBatch& batch, Stream& stream,
                                           bool count_empty = true) {
  const std::size_t completions = batch.completions();
  const Stream::Space memory(stream, completions * sizeof(MaskedSum));
  const GlobalView<MaskedSum> lengths = Area(memory.data()).take<MaskedSum>(completions);
  DeviceExecutor(stream, "totals_of")
      .run(completions,
           MaskedSumKernel{
               .mask = view_of(batch.mask), .offsets = view_of(batch.offsets), .sums = lengths});
  std::vector<MaskedSum> kept(completions);
  if (completions > 0) stream.fetch(kept.data(), lengths.data, completions * sizeof(MaskedSum));
  BatchTotals totals{.groups = batch.groups.empty() ? 1 : std::int64_t(batch.groups.size()) - 1};
  for (const MaskedSum& one : kept) {
    totals.tokens += std::int64_t(one.count);
    totals.completions += count_empty || one.count > 0;
  }
  return totals;
}

}  // namespace visplay::cuda
