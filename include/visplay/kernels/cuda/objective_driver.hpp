// The objective on CUDA: the order of its kernels, on any Executor. Lengths and token weights of
// completions, means and losses of whole completions where the loss needs them, then the tokens.
// Work space: 148 bytes a completion, and 2,048 more for a group loss.
#pragma once

#include <visplay/kernels/cuda/executor.hpp>
#include <visplay/kernels/cuda/objective_kernel.hpp>
#include <visplay/kernels/cuda/sequence_kernel.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace visplay::cuda {

/// A call of evaluate over memory of the device.
template <class Objective>
struct ObjectiveCall {
  Objective objective{};  ///< a DeviceObjective
  ObjectiveColumns columns{};
  GlobalView<const std::int64_t> groups{};           ///< [P + 1], or none: one group
  TokenWeightRule rule{};                            ///< of the aggregation
  GlobalView<float> gradient{}, entropy_gradient{};  ///< [N], or not wanted
  GlobalView<ObjectiveReport> report{};              ///< [1]

  [[nodiscard]] std::size_t completions() const {
    return columns.offsets.count > 0 ? columns.offsets.count - 1 : 0;
  }
  [[nodiscard]] std::size_t blocks_of_groups() const {
    return groups.count > 0 ? groups.count - 1 : 1;
  }
};

template <class Objective>
using LossOf = std::remove_cvref_t<decltype(Objective::loss)>;

/// Terms that the threads of a group loss keep of each completion.
template <class Objective>
constexpr std::size_t terms_each() {
  if constexpr (Objective::of_tokens || SequenceLoss<LossOf<Objective>>)
    return 0;
  else
    return std::size_t(GroupLossKernel<LossOf<Objective>>::threads);
}

/// The work space of a call. Its size: that of an Area without data that was laid out.
struct ObjectiveSpace {
  template <class Objective>
  ObjectiveSpace(Area area, const ObjectiveCall<Objective>& call) {
    const std::size_t completions = call.completions();
    lengths = area.take<MaskedSum>(completions);
    weights = area.take<float>(completions);
    sums = area.take<CompletionSums>(completions);
    terms = area.take<sequence_detail::Terms>(completions * terms_each<Objective>());
    losses = area.take<CompletionLoss>(completions);
    reports = area.take<ObjectiveReport>(completions);
    bytes = area.bytes();
  }

  GlobalView<MaskedSum> lengths;
  GlobalView<float> weights;
  GlobalView<CompletionSums> sums;
  GlobalView<sequence_detail::Terms> terms;
  GlobalView<CompletionLoss> losses;
  GlobalView<ObjectiveReport> reports;
  std::size_t bytes = 0;
};

namespace objective_driver_detail {

/// Sequence and group losses: what each completion's is.
template <Executor E, class Objective>
void run_losses(E& executor, const ObjectiveCall<Objective>& call, const ObjectiveSpace& space) {
  using Loss = LossOf<Objective>;
  const std::size_t completions = call.completions();
  executor.run(completions,
               CompletionSumsKernel<Objective>{call.objective, call.columns, space.sums});
  if constexpr (SequenceLoss<Loss>)
    executor.run(blocks_for(completions, SequenceLossKernel<Loss>::threads),
                 SequenceLossKernel<Loss>{.loss = call.objective.loss,
                                          .sums = as_const(space.sums),
                                          .advantages = call.columns.advantages,
                                          .weights = as_const(space.weights),
                                          .losses = space.losses});
  else
    executor.run(call.blocks_of_groups(),
                 GroupLossKernel<Loss>{.loss = call.objective.loss,
                                       .sums = as_const(space.sums),
                                       .advantages = call.columns.advantages,
                                       .weights = as_const(space.weights),
                                       .groups = call.groups,
                                       .terms = space.terms,
                                       .losses = space.losses});
}

}  // namespace objective_driver_detail

template <Executor E, class Objective>
void evaluate(E& executor, const ObjectiveCall<Objective>& call, const ObjectiveSpace& space) {
  const std::size_t completions = call.completions();
  executor.run(completions, MaskedSumKernel{.mask = call.columns.mask,
                                            .offsets = call.columns.offsets,
                                            .sums = space.lengths});
  executor.run(call.blocks_of_groups(),
               TokenWeightsKernel{call.rule, as_const(space.lengths), call.groups, space.weights});
  if constexpr (!Objective::of_tokens) objective_driver_detail::run_losses(executor, call, space);
  executor.run(completions, ObjectiveKernel<Objective>{.objective = call.objective,
                                                       .columns = call.columns,
                                                       .weights = as_const(space.weights),
                                                       .losses = as_const(space.losses),
                                                       .gradient = call.gradient,
                                                       .entropy_gradient = call.entropy_gradient,
                                                       .reports = space.reports});
  executor.run(1, ReportKernel{as_const(space.reports), call.report});
}

}  // namespace visplay::cuda
