// sample_token(): draws one token from a row of logits.
//
// Order of the controls: banned ids, temperature, top-k (ties kept), top-p, draw. The log-prob that
// is reported is that of the whole distribution at the temperature, before bans, top-k and top-p:
// what a trainer computes (greedy: at temperature 1).
#pragma once

#include <visplay/core/rng.hpp>
#include <visplay/rollout/sampling_params.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace visplay {

struct SampledToken {
  std::int64_t id = 0;
  float log_prob = 0;  ///< nats
};

/// Scratch space of one thread.
struct SamplerBuffer {
  std::vector<float> weights;
  std::vector<std::int32_t> order;
};

/// @param logits  [V] finite
/// @throws Error if every token is banned
[[nodiscard]] SampledToken sample_token(std::span<const float> logits, const SamplingParams& params,
                                        Rng& rng, SamplerBuffer& buffer);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/generate/sampler.ipp>
#endif
