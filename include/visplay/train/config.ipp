// Bodies of train/config.hpp.
#pragma once

#include <visplay/train/config.hpp>

#include <visplay/core/error.hpp>
#include <visplay/curriculum/mode_rules.hpp>

#include <fmt/format.h>

namespace visplay {
namespace detail {

VISPLAY_INLINE void refuse(bool wrong, const std::string& sentence) {
  if (wrong) throw UsageError(sentence);
}

// The band and the votes of a mode are those of its rules.
VISPLAY_INLINE void take_rules(SelfPlayConfig& c, const ModeRules& rules) {
  c.label.band = rules.band;
  c.label.votes = rules.label_votes;
  c.questioner.votes = rules.reward_votes;
}

// The authors' code where it differs from their paper (bruno686/VisPlay, train_examples). It reads a
// question only where the Questioner also wrote its own answer.
VISPLAY_INLINE void make_official(SelfPlayConfig& c) {
  c.questioner.steps = c.reasoner.steps = 40;
  c.questioner.images_per_step = c.reasoner.questions_per_step = 512;
  c.label.questions_per_image = 8;
  for (auto* s : {&c.questioner.sampling, &c.reasoner.sampling, &c.votes.sampling}) s->top_p = 0.99;
  c.clip = {.low = 0.2, .high = 0.3, .dual = 3.};
  c.questioner.prompt =
      "Look closely at the image and ask one question that can only be answered by looking at it, "
      "that has a single short answer, and that takes some thought. Write the kind of question "
      "(such as count, color, position, reading, comparison) as <type>...</type>, then the "
      "question itself as <question>...</question>, and last your own answer as "
      "<answer>...</answer>.";
}

VISPLAY_INLINE void make_robust(SelfPlayConfig& c) {
  c.label.questions_per_image = 2;
  c.label.balance = true;
  c.clip.high = 0.28;
}

}  // namespace detail

VISPLAY_INLINE SelfPlayConfig default_config(Mode mode) {
  SelfPlayConfig config;
  config.mode = mode;
  detail::take_rules(config, rules_of(mode));
  if (mode == Mode::official) detail::make_official(config);
  if (mode == Mode::robust) detail::make_robust(config);
  return config;
}

VISPLAY_INLINE void validate(const SelfPlayConfig& config) {
  const ConfidenceBand& band = config.label.band;
  detail::refuse(config.kl.estimator != KlEstimator::k3,
                 fmt::format("kl.estimator: {} is not built yet; k3 is",
                             detail::text_of(config.kl.estimator)));
  detail::refuse(band.low > band.high,
                 fmt::format("label.low {} is above label.high {}", band.low, band.high));
  detail::refuse(config.reasoner.prompt.find("{question}") == std::string::npos,
                 "reasoner.prompt: expected {question} somewhere in it");
  detail::refuse(config.questioner.prompt.empty(), "questioner.prompt: expected some text");
  detail::refuse(config.questioner.archive_weight > 0,
                 "questioner.archive_weight: the archive is not built yet; leave it 0");
  detail::refuse(config.questioner.blind_weight > 0,
                 "questioner.blind_weight: votes without the image are not built yet; leave it 0");
  for (const auto& [name, sampling] : {std::pair{"questioner", &config.questioner.sampling},
                                       std::pair{"reasoner", &config.reasoner.sampling}})
    detail::refuse(sampling->temperature == 0,
                   fmt::format("{}.sampling.temperature: training needs one above 0", name));
}

VISPLAY_INLINE Resolved<SelfPlayConfig> load_self_play_config(const ConfigSources& sources) {
  auto resolved = resolve_config<SelfPlayConfig>(sources, [](std::span<const Setting> settings) {
    return default_config(mode_in(settings, SelfPlayConfig{}.mode));
  });
  validate(resolved.config);
  return resolved;
}

VISPLAY_INLINE std::string self_play_yaml(const Resolved<SelfPlayConfig>& resolved) {
  SelfPlayConfig config = resolved.config;
  return config_yaml(fields_of(config), resolved.origins,
                     detail::text_of(config.mode) + " default");
}

}  // namespace visplay
