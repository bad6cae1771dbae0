// Objective, gradient and metrics of a batch of log-probs. B completions of T tokens each; `a_token`
// is the time of one token. Value and gradient are compared with float64 (loss/evaluate_plain.hpp).
// benchmarks/peers/objective.py runs the peers beside it.
//
//   objective/B/T/threads                   evaluate, GRPO with k3
//   objective_at/level/B/T                  the same on one thread, at a level of instruction set
//   objective_ragged/B/T/threads            lengths between 1 and T
//   gspo/B/T/threads                        a sequence loss: two passes inside each completion
//   own_loss/B/T/threads                    a functor of one's own, compiled with this unit's flags
#include <visplay/kernels/objective.hpp>

#include <benchmarks/objective_batch.hpp>
#include <benchmarks/work.hpp>

#include <string_view>

namespace {

using namespace visplay;

using Batch = ObjectiveBenchmarkBatch;

/// As a user would write it: nothing here is compiled ahead.
struct OwnLoss {
  static constexpr std::string_view name = "own_loss";
  template <class T>
  T operator()(const TokenTerms<T>& t) const {
    return -detach(min(ratio_of(t), T(2.f))) * t.advantage * t.log_prob;
  }
};

template <class Objective>
void evaluate_repeatedly(benchmark::State& state, const Objective& objective, Batch batch,
                         int threads, double flop_a_token = 0) {
  ThreadPool pool(threads);
  const TokenBatch view = batch.batch();
  const BatchTotals totals = totals_of(view);
  const auto compute = [&] {
    return evaluate(objective, view, totals, {.log_probs = batch.gradient}, pool);
  };
  const double value = compute().value;
  declare_objective(state, flop_a_token, value, batch.gradient,
                    evaluate_plain(objective, view, totals));
  for (auto _ : state) {
    benchmark::DoNotOptimize(compute());
    benchmark::ClobberMemory();
  }
}

void objective(benchmark::State& state) {
  evaluate_repeatedly(state, Objective{}, {state.range(0), state.range(1)}, int(state.range(2)),
                      grpo_flop_a_token);
}
BENCHMARK(objective)
    ->ArgNames({"B", "T", "threads"})
    ->Args({64, 512, 1})
    ->Args({64, 512, 2})
    ->Args({8, 64, 1})
    ->Args({8, 64, 2})
    ->UseRealTime();

void objective_at(benchmark::State& state) {
  const AtLevel level(state, state.range(0));
  if (!level) return;
  evaluate_repeatedly(state, Objective{}, {state.range(1), state.range(2)}, 1, grpo_flop_a_token);
}
BENCHMARK(objective_at)
    ->ArgNames({"level", "B", "T"})
    ->Args({0, 64, 512})
    ->Args({1, 64, 512})
    ->Args({2, 64, 512});

void objective_ragged(benchmark::State& state) {
  evaluate_repeatedly(state, Objective{}, {state.range(0), state.range(1), true},
                      int(state.range(2)), grpo_flop_a_token);
}
BENCHMARK(objective_ragged)->ArgNames({"B", "T", "threads"})->Args({64, 512, 1});

void gspo(benchmark::State& state) {
  evaluate_repeatedly(state, Objective{.loss = Gspo{}}, {state.range(0), state.range(1)},
                      int(state.range(2)));
}
BENCHMARK(gspo)->ArgNames({"B", "T", "threads"})->Args({64, 512, 1})->Args({8, 64, 1});

void own_loss(benchmark::State& state) {
  evaluate_repeatedly(state, Objective{.loss = OwnLoss{}}, {state.range(0), state.range(1)},
                      int(state.range(2)));
}
BENCHMARK(own_loss)->ArgNames({"B", "T", "threads"})->Args({64, 512, 1});

}  // namespace
