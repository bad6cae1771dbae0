// Log-prob and entropy from logits [N, V], forward and in-place backward: one read forward, one read
// and one write backward. Rows 0 and N - 1 are compared with float64.
// benchmarks/peers/log_probs.py runs TRL beside it.
//
//   log_probs_forward/N/V/bfloat16/threads       log_probs_backward/...       log_probs_both/...
#include <visplay/core/rng.hpp>
#include <visplay/kernels/log_probs.hpp>

#include <benchmarks/work.hpp>

#include <cmath>
#include <type_traits>
#include <vector>

namespace {

using namespace visplay;

template <class Number>
struct Rows {
  std::size_t rows, vocabulary;
  std::vector<Number> logits;
  std::vector<std::int64_t> targets;
  std::vector<float> log_probs, entropy, log_sum_exp, g, h;

  Rows(std::size_t rows, std::size_t vocabulary)
      : rows(rows), vocabulary(vocabulary), logits(rows * vocabulary) {
    std::uint32_t bits = 1;
    for (Number& x : logits) {
      bits = bits * 1664525u + 1013904223u;
      x = Number(10 * (float(bits >> 8) * 0x1p-24f - 0.5f));
    }
    Rng rng(1);
    for (std::size_t r = 0; r < rows; ++r) targets.push_back(std::int64_t(rng.below(vocabulary)));
    for (auto* values : {&log_probs, &entropy, &log_sum_exp}) values->resize(rows);
    g.assign(rows, 1e-3f), h.assign(rows, 1e-4f);
  }
  void forward(ThreadPool& pool) {
    visplay::log_probs(
        LogitsView<const Number>{logits.data(), rows, vocabulary, vocabulary}, targets, 1,
        {.log_probs = log_probs, .entropy = entropy, .log_sum_exp = log_sum_exp}, pool);
  }
  void backward(ThreadPool& pool) {
    log_probs_backward(LogitsView<Number>{logits.data(), rows, vocabulary, vocabulary}, targets, 1,
                       {.log_sum_exp = log_sum_exp,
                        .entropy = entropy,
                        .log_prob_gradients = g,
                        .entropy_gradients = h},
                       pool);
  }
};

/// log p of each token of a row whose logits need no shift to be exponentiated.
template <class Number>
std::vector<double> exact_log_probs(const Rows<Number>& rows, std::size_t row) {
  const Number* const x = rows.logits.data() + row * rows.vocabulary;
  std::vector<double> log_p(x, x + rows.vocabulary);
  double sum = 0;
  for (const double logit : log_p) sum += std::exp(logit);
  const double log_sum = std::log(sum);
  for (double& logit : log_p) logit -= log_sum;
  return log_p;
}

/// Both passes against their formulas; leaves a gradient where the logits were if `backward`.
template <class Number>
void compare_with_float64(benchmark::State& state, Rows<Number>& rows, bool backward,
                          ThreadPool& pool) {
  const std::size_t some[] = {0, rows.rows - 1};
  std::vector<double> exact[2];
  double entropy[2] = {};
  for (int i = 0; i < 2; ++i) exact[i] = exact_log_probs(rows, some[i]);
  rows.forward(pool);
  if (backward) rows.backward(pool);
  for (int i = 0; i < 2; ++i) {
    const std::size_t r = some[i];
    const auto target = std::size_t(rows.targets[r]);
    for (const double log_p : exact[i]) entropy[i] -= std::exp(log_p) * log_p;
    declare_error(state, std::abs(double(rows.log_probs[r]) - exact[i][target]), 1e-5);
    declare_error(state, std::abs(double(rows.entropy[r]) - entropy[i]), 3e-5);
    if (!backward) continue;
    double worst = 0;  // relative
    for (std::size_t j = 0; j < rows.vocabulary; ++j) {
      const double log_p = exact[i][j], p = std::exp(log_p);
      const double slope =
          double(rows.g[r]) * ((j == target) - p) - double(rows.h[r]) * p * (log_p + entropy[i]);
      const double found = double(rows.logits[r * rows.vocabulary + j]);
      worst = larger(worst, std::abs(found / slope - 1));
    }
    declare_error(state, worst, std::is_same_v<Number, float> ? 1e-5 : 0x1p-8 + 1e-5);
  }
}

// A logit costs 14 FLOP in each direction: y = c x - r, 2^y (nine), two sums or a slope and a product.
// The backward pass runs again and again over its own result, which by then is near zero: as much work
// as the first time.
template <class Number>
void call_repeatedly(benchmark::State& state, bool forward, bool backward) {
  Rows<Number> rows(std::size_t(state.range(0)), std::size_t(state.range(1)));
  ThreadPool pool(int(state.range(3)));
  compare_with_float64(state, rows, backward, pool);
  for (auto _ : state) {
    if (forward) rows.forward(pool);
    if (backward) rows.backward(pool);
    benchmark::ClobberMemory();
  }
  const auto logits = double(rows.logits.size()), bytes = logits * double(sizeof(Number));
  const double trips = forward + backward;
  declare(state, {.flop = 14 * trips * logits, .read = trips * bytes, .written = backward * bytes});
}
void call_either(benchmark::State& state, bool forward, bool backward) {
  state.range(2) ? call_repeatedly<BFloat16>(state, forward, backward)
                 : call_repeatedly<float>(state, forward, backward);
}

void forward_pass(benchmark::State& state) { call_either(state, true, false); }
void backward_pass(benchmark::State& state) { call_either(state, false, true); }
void both_passes(benchmark::State& state) { call_either(state, true, true); }
void shapes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"N", "V", "bfloat16", "threads"})->UseRealTime()->Unit(benchmark::kMillisecond);
  for (const int threads : {1, 2}) {
    b->Args({512, 151936, 1, threads});
    b->Args({512, 152064, 0, threads});
    b->Args({2048, 151936, 1, threads});
  }
}
BENCHMARK(forward_pass)->Name("log_probs_forward")->Apply(shapes);
BENCHMARK(backward_pass)->Name("log_probs_backward")->Apply(shapes);
BENCHMARK(both_passes)->Name("log_probs_both")->Apply(shapes);

}  // namespace
