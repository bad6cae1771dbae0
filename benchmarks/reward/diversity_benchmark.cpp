// Clusters of questions by BLEU distance: the group of one image (8), and whole batches. Baseline:
// benchmarks/peers/diversity.py runs nltk and scikit-learn on such texts and prints the ratio.
#include <visplay/cluster/agglomerative.hpp>
#include <visplay/core/rng.hpp>
#include <visplay/text/bleu_distances.hpp>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <string>
#include <vector>

namespace {
using namespace visplay;

/// 12 to 40 words out of 61 each: nearly all pairs share words and no two repeat each other.
std::vector<std::string> questions(std::size_t n) {
  Rng rng(1);
  std::vector<std::string> texts(n);
  for (std::string& text : texts)
    for (std::uint64_t words = 12 + rng.below(29); words > 0; --words)
      fmt::format_to(std::back_inserter(text), "w{} ", rng.below(61));
  return texts;
}

void diversity(benchmark::State& state) {
  const auto texts = questions(std::size_t(state.range(0)));
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  ThreadPool pool(int(state.range(1)));
  for (auto _ : state) {
    const BleuTexts counted(views);
    benchmark::DoNotOptimize(
        Agglomerative{}(DistanceMatrix::of_rows(views.size(), BleuDistances(counted), pool)));
  }
  const double n = double(state.range(0));
  state.counters["pairs"] =
      benchmark::Counter(n * (n - 1) / 2 * double(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(diversity)
    ->ArgNames({"questions", "threads"})
    ->ArgsProduct({{8, 1024, 4096}, {1, 2}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
