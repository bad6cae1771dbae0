// error: a rollout engine is a struct with std::vector<RolloutGroup> generate(std::span<const Prompt>, const SamplingParams&, Rng)
#include <conformance/engine.hpp>

struct Engine {
#ifdef ACCEPT
  std::vector<visplay::RolloutGroup> generate(std::span<const visplay::Prompt>,
                                              const visplay::SamplingParams&, visplay::Rng) {
    return {};
  }
#else
  std::vector<visplay::RolloutGroup> generate(std::span<const visplay::Prompt>) { return {}; }
#endif
};

void check(Engine& engine, std::span<const visplay::Prompt> prompts) {
  visplay::conformance::check_engine(engine, prompts);
}
