// What a user of the torch-free part writes: a reward of the library on samples of their own. Every
// consumer project builds this.
#include <visplay/reward/difficulty.hpp>
#include <visplay/text/boxed.hpp>

#include <array>
#include <cstdio>

struct Asked {
  float confidence;
};

int main() {
  const std::array<Asked, 2> batch{{{0.5f}, {1.f}}};
  std::array<float, 2> scores{};
  visplay::Difficulty{}(std::span<const Asked>(batch), std::span<float>(scores));
  const auto answer = visplay::boxed("so \\boxed{red}");
  std::printf("difficulty %g %g, answer %s\n", scores[0], scores[1],
              answer ? std::string(*answer).c_str() : "none");
  return scores[0] == 1.f && scores[1] == 0.f && answer && *answer == "red" ? 0 : 1;
}
