#include "conformance/engine.hpp"

#include <visplay/rollout/scripted_engine.hpp>

using namespace visplay;

TEST_CASE("the scripted engine keeps the contract of engines") {
  ScriptedEngine engine{[](const Prompt& prompt, Rng rng) {
    return Completion{.text = prompt.text + std::to_string(rng.below(1'000'000))};
  }};
  const std::vector<Prompt> prompts{{.text = "a"}, {.text = "b"}, {.text = "c"}};
  conformance::check_engine(engine, prompts);
}
