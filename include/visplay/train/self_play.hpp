// SelfPlay: Algorithm 1 of VisPlay (2511.15661). Two roles grow out of one base model and train each
// other on images without labels:
//
//   for each iteration
//     Questioner   asks about images; the frozen Reasoner's votes say what a question is worth
//     labels       fresh questions, m votes each; the majority names the label, the band selects
//     Reasoner     is rewarded for agreeing with the labels
//
// The class knows no files: the caller loads images, logs reports and saves the two policies.
#pragma once

#include <visplay/train/config.hpp>
#include <visplay/train/questioner.hpp>
#include <visplay/train/reasoner.hpp>

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace visplay {

/// Thrown between two steps when the caller asked to stop. Nothing of the iteration is kept.
struct Stopped : Error {
  using Error::Error;
};

/// The images of a run, by index.
struct ImagePool {
  std::size_t size = 0;
  std::function<ImagePtr(std::size_t)> load;
};

/// A question with its votes and what became of it.
struct JudgedQuestion {
  VotedQuestion voted;
  LabelVerdict verdict = LabelVerdict::kept;
  bool balanced_away = false;

  [[nodiscard]] bool kept() const { return verdict == LabelVerdict::kept && !balanced_away; }
};

/// What the loop tells while it runs. Every function may be empty.
struct SelfPlayObserver {
  std::function<void(std::string_view phase, int step, int steps, const Metrics&)> step{};
  std::function<void(std::string_view phase, int step, const JudgedQuestion&)> question{};
  /// All questions of a label phase, before the Reasoner trains; may add metrics to its report.
  std::function<void(std::span<const JudgedQuestion>, Metrics&)> labelled{};
  std::function<bool()> stop{};  ///< asked between steps
};

class SelfPlay {
 public:
  /// @param base  both roles begin with its weights; with lora.rank they are adapters over them. Its
  ///              storage is shared and not written to
  /// @throws Error if there are no images, or lora.rank is given and the base has an adapter already
  SelfPlay(SelfPlayConfig config, const QwenPolicy& base, ImagePool images);

  /// Iteration k, counted from 1. Depends on the seed, k and the two policies alone.
  /// @throws Stopped if the observer asked for it
  void iterate(int k, const SelfPlayObserver& observer);

  [[nodiscard]] QwenPolicy& questioner() { return questioner_; }
  [[nodiscard]] QwenPolicy& reasoner() { return reasoner_; }
  [[nodiscard]] const SelfPlayConfig& config() const { return config_; }
  /// Ids that rollouts never draw: image, video and vision tokens, rows without a token, and what
  /// the configuration adds.
  [[nodiscard]] const std::vector<std::int64_t>& banned_ids() const { return banned_ids_; }

 private:
  void train_questioner(Rng rng, const SelfPlayObserver& observer);
  std::vector<JudgedQuestion> label(Rng rng, const SelfPlayObserver& observer);
  void train_reasoner(std::span<const LabelledQuestion> data, int k, Rng rng,
                      const SelfPlayObserver& observer);
  [[nodiscard]] std::vector<LabelledQuestion> training_data(
      std::span<const JudgedQuestion> questions, Rng rng) const;
  [[nodiscard]] std::vector<ImagePtr> pick_images(std::size_t count, Rng rng,
                                                  std::size_t skip) const;
  [[nodiscard]] SamplingParams params(const SamplingConfig& sampling, int n) const {
    return sampling_params(sampling, n, banned_ids_);
  }
  [[nodiscard]] GrpoSettings grpo_settings(const OptimizerConfig& optimizer,
                                           const SamplingConfig& sampling, int group_size,
                                           int steps) const;
  /// The policy that the KL term holds on to; null without a KL term.
  [[nodiscard]] std::unique_ptr<QwenPolicy> reference_of(const QwenPolicy& policy) const;

  SelfPlayConfig config_;
  QwenPolicy base_, questioner_, reasoner_;
  ImagePool images_;
  std::vector<std::int64_t> banned_ids_;
};

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/train/self_play.ipp>
#endif
