// What the procedural world says about a Reasoner: accuracy against the hidden truth on questions
// that come from a generator, not from the Questioner. Nothing that trains reads any of this.
#pragma once

#include <visplay/core/metrics.hpp>
#include <visplay/train/self_play.hpp>
#include <visplay/world/scene.hpp>

#include <map>
#include <span>
#include <string>

namespace visplay {

struct WorldBenchmark {
  int questions = 500;                           ///< held-out; the other splits have half
  std::uint64_t first_seed = world::test_seeds;  ///< of the scenes
  ReasonerConfig reasoner{};                     ///< prompt and system
  SamplingConfig sampling{};                     ///< of the sampled accuracy
  std::vector<std::int64_t> banned_ids{};

  /// Accuracy (greedy and sampled), share and accuracy of the careful ones among the sampled answers,
  /// greedy accuracy on hallucination, false-premise and compositional questions and on each family
  /// of the held-out ones. Shares in [0, 1]; NaN where there was nothing to count.
  [[nodiscard]] Metrics operator()(const QwenPolicy& reasoner, Rng rng) const;
};

/// Hidden scenes of a run's images, by the image's source path.
using SceneTruth = std::map<std::string, world::Scene, std::less<>>;

/// What the truth says about asked questions and their labels: accuracy of the kept labels, shares
/// of false-premise and ungrammatical questions, variety. Images without a truth are left out.
[[nodiscard]] Metrics label_truth(std::span<const JudgedQuestion> questions,
                                  const SceneTruth& truth);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/eval/world_benchmark.ipp>
#endif
