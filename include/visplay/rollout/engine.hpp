// RolloutEngine: whatever answers prompts. Group i holds params.n completions of prompts[i].
//
//   const auto groups = engine.generate(prompts, {.n = 8}, rng.fork("rollout", step));
//
// The same weights, prompts, params and Rng give the same completions; those of prompts[i] depend on
// prompts[i], i, params and the Rng alone.
#pragma once

#include <visplay/core/rng.hpp>
#include <visplay/data/prompt.hpp>
#include <visplay/data/rollout_group.hpp>
#include <visplay/rollout/sampling_params.hpp>

#include <concepts>
#include <span>
#include <vector>

namespace visplay {

template <class E>
concept RolloutEngine = requires(E& engine, std::span<const Prompt> prompts,
                                 const SamplingParams& params, Rng rng) {
  { engine.generate(prompts, params, rng) } -> std::same_as<std::vector<RolloutGroup>>;
};

}  // namespace visplay
