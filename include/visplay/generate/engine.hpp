// LocalEngine: samples completions from a policy in this process.
//
// Each distinct image and prompt is encoded once; its keys and values are shared by all completions
// of the group (kernels/paged_attention.hpp). Completions leave the batch as they end. Every
// completion draws from a stream of its own, so its text does not depend on what is sampled beside
// it beyond the rounding of matrix products.
#pragma once

#include <visplay/policy/policy.hpp>
#include <visplay/rollout/engine.hpp>
#include <visplay/rollout/sampling_params.hpp>

#include <cstdint>
#include <vector>

namespace visplay {

/// What calls of generate took, added up.
struct GenerateTimes {
  std::int64_t prompt_tokens = 0;   ///< image tokens included
  double prefill_seconds = 0;       ///< of wall clock, from ids and pixels to the first logits
  std::int64_t decoded_tokens = 0;  ///< all but the first of each completion
  double decode_seconds = 0;        ///< of wall clock, sampling included
};

class LocalEngine {
 public:
  /// @param policy  must outlive the engine; read anew at each call
  /// @param max_rows  completions that are decoded side by side
  explicit LocalEngine(const QwenPolicy& policy, std::int64_t max_rows = 1024)
      : policy_(&policy), max_rows_(max_rows) {}

  /// One group per prompt, in order, of params.n completions each.
  /// @param times  if given, what the call took is added to it
  [[nodiscard]] std::vector<RolloutGroup> generate(std::span<const Prompt> prompts,
                                                   const SamplingParams& params, Rng rng,
                                                   GenerateTimes* times = nullptr) const;

 private:
  const QwenPolicy* policy_;
  std::int64_t max_rows_;
};

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/generate/engine.ipp>
#endif
