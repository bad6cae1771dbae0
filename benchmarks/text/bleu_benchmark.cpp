// BLEU of one pair of questions, from text and from counts. Baseline: nltk's sentence_bleu takes
// about 0.1 ms (benchmarks/peers/diversity.py measures it).
#include <visplay/text/bleu.hpp>

#include <benchmark/benchmark.h>

namespace {
using namespace visplay;

constexpr std::string_view first =
    "What color is the small round object that lies to the left of the red cube?";
constexpr std::string_view second = "What is the color of the object to the left of the cube?";

void sentence_bleu_of_text(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(sentence_bleu(first, second));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(sentence_bleu_of_text);

void bleu_of_counted_texts(benchmark::State& state) {
  const std::string_view both[] = {first, second};
  const BleuTexts counted(both);
  for (auto _ : state) benchmark::DoNotOptimize(counted.bleu(0, 1));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(bleu_of_counted_texts);

}  // namespace
