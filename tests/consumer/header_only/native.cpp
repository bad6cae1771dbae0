// A kernel inline and compiled for this very machine: what it needs of the system (the tile registers
// of AMX) must have been asked for. All logits are zero, so every log-prob is -log V.
#include <visplay/core/bfloat16.hpp>
#include <visplay/kernels/linear_log_probs.hpp>

#include <cmath>
#include <cstdio>
#include <vector>

int main() {
  constexpr std::int64_t tokens = 3, depth = 64, vocabulary = 100;
  const std::vector<visplay::BFloat16> hidden(tokens * depth), head(vocabulary * depth);
  const std::vector<std::int64_t> targets{0, 1, 99};
  std::vector<float> log_probs(tokens);
  visplay::ThreadPool pool(1);
  visplay::linear_log_probs({{hidden.data(), visplay::FloatType::bfloat16, tokens, depth, depth},
                             {head.data(), visplay::FloatType::bfloat16, vocabulary, depth, depth},
                             targets},
                            {.log_probs = log_probs}, pool);
  std::printf("log-probs %g %g %g\n", log_probs[0], log_probs[1], log_probs[2]);
  for (const float x : log_probs)
    if (!(std::abs(x + std::log(float(vocabulary))) < 1e-5f)) return 1;
  return 0;
}
