// ScriptedEngine: a policy that is a function. For tests, and for trying a reward without a model.
//
//   ScriptedEngine engine{[](const Prompt& prompt, Rng rng) {
//     return Completion{.text = rng.chance(0.7) ? "\\boxed{red}" : "\\boxed{blue}"};
//   }};
#pragma once

#include <visplay/rollout/engine.hpp>

#include <functional>

namespace visplay {

struct ScriptedEngine {
  /// The answer to a prompt; the Rng is another one for every completion.
  std::function<Completion(const Prompt& prompt, Rng rng)> script;

  [[nodiscard]] std::vector<RolloutGroup> generate(std::span<const Prompt> prompts,
                                                   const SamplingParams& params, Rng rng) {
    validate(params);
    std::vector<RolloutGroup> groups;
    for (std::size_t p = 0; p < prompts.size(); ++p) {
      RolloutGroup group{.prompt = prompts[p]};
      const Rng own = rng.fork("prompt", p);
      for (int i = 0; i < params.n; ++i)
        group.completions.push_back(script(prompts[p], own.fork("completion", std::uint64_t(i))));
      groups.push_back(std::move(group));
    }
    return groups;
  }
};
static_assert(RolloutEngine<ScriptedEngine>);

}  // namespace visplay
