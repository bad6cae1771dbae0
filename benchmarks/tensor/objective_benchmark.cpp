// The objective as an autograd function: forward, metrics and backward to the log-probs.
//
//   objective_loss/B/T/threads
#include <visplay/tensor/objective.hpp>

#include <benchmarks/objective_batch.hpp>

namespace {

using namespace visplay;

void objective_loss(benchmark::State& state) {
  const ObjectiveBenchmarkBatch batch(state.range(0), state.range(1));
  ThreadPool pool(int(state.range(2)));
  const at::Tensor log_probs = to_tensor(batch.log_probs).requires_grad_();
  const at::Tensor entropy = to_tensor(batch.entropy);
  const TokenBatch view = batch.batch();
  const BatchTotals totals = totals_of(view);
  const auto compute = [&] {
    log_probs.mutable_grad().reset();
    const ObjectiveLoss result =
        visplay::objective_loss(Objective{}, log_probs, entropy, view, totals, pool);
    result.loss.backward();
    return result.report;
  };
  const double value = compute().value;
  declare_objective(state, grpo_flop_a_token, value, view_of(log_probs.grad()),
                    evaluate_plain(Objective{}, view, totals));
  for (auto _ : state) benchmark::DoNotOptimize(compute());
}
BENCHMARK(objective_loss)
    ->ArgNames({"B", "T", "threads"})
    ->Args({64, 512, 1})
    ->Args({64, 512, 2})
    ->Args({8, 64, 1})
    ->Args({8, 64, 2})
    ->UseRealTime();

}  // namespace
