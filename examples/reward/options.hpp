// The settings of visplay_reward. Keys are those of visplay_selfplay; their defaults are the mode's.
#pragma once

#include <visplay/core/describe.hpp>
#include <visplay/curriculum/mode_rules.hpp>
#include <visplay/io/yaml_config.hpp>

#include <fmt/format.h>

#include <span>
#include <string>
#include <utility>

namespace visplay {

struct RewardOptions {
  ModeRules rules{};
  std::string data{};
  std::string archive{};
};
void describe(auto& visit, OfType<RewardOptions> auto& s) {
  visit("mode", s.rules.mode, "whose arithmetic; the defaults below are its own");
  visit("data", s.data, "JSONL with group, text, votes and optionally blind_votes");
  visit("archive", s.archive, "JSONL with earlier questions, such as this program's output");
  visit("questioner", s.rules.questioner);
  visit("label", s.rules.band);
}

/// The rules of the mode that the sources name, then the sources.
/// @throws UsageError  naming key and value
[[nodiscard]] inline RewardOptions load_reward_options(const ConfigSources& sources) {
  RewardOptions o = resolve_config<RewardOptions>(sources, [](std::span<const Setting> settings) {
                      return RewardOptions{.rules = rules_of(mode_in(settings, Mode::paper))};
                    }).config;
  o.rules.questioner.max_unparsed = o.rules.band.max_unparsed;
  const Mode mode = o.rules.mode;
  const ConfidenceBand& band = o.rules.band;
  const QuestionerReward& weights = o.rules.questioner;
  const auto refuse = [](bool wrong, const std::string& sentence) {
    if (wrong) throw UsageError(sentence);
  };
  refuse(o.data.empty(), "--data: expected a JSONL file, got nothing");
  refuse(band.low > band.high,
         fmt::format("label.low {} is above label.high {}", band.low, band.high));
  refuse(mode == Mode::robust && weights.archive_weight > 0 && o.archive.empty(),
         "questioner.archive_weight: expected --archive with the questions to compare with");
  for (const auto& [key, weight] : {std::pair{"archive_weight", weights.archive_weight},
                                    std::pair{"blind_weight", weights.blind_weight}})
    refuse(mode != Mode::robust && weight > 0,
           fmt::format("questioner.{}: {} mode has no such term, robust mode has", key,
                       name_of(mode)));
  return o;
}

}  // namespace visplay
