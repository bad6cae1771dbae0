// The settings of visplay_reward. Keys are those of visplay_selfplay; their defaults are the mode's.
#pragma once

#include <visplay/core/describe.hpp>
#include <visplay/curriculum/mode_rules.hpp>
#include <visplay/io/yaml_config.hpp>

#include <optional>
#include <span>
#include <string>

namespace visplay {

struct RewardWeights {
  double diversity_weight = 1;
  double archive_weight = 0;
  double blind_weight = 0;
};
void describe(auto& visit, OfType<RewardWeights> auto& s) {
  visit("diversity_weight", s.diversity_weight, "lambda: price of a question's cluster share",
        at_least(0));
  visit("archive_weight", s.archive_weight, "price of likeness to the archive (robust)",
        at_least(0));
  visit("blind_weight", s.blind_weight, "price of being answered without the image (robust)",
        at_least(0));
}

struct LabelBand {
  double low = 0.25;
  double high = 0.75;
  std::optional<double> margin{};
  double max_unparsed = 1;
};
void describe(auto& visit, OfType<LabelBand> auto& s) {
  visit("low", s.low, "smallest confidence of a label", between(0, 1));
  visit("high", s.high, "largest confidence of a label", between(0, 1));
  visit("margin", s.margin, "the majority must lead the next answer by more than this share",
        between(0, 1));
  visit("max_unparsed", s.max_unparsed,
        "more unparsed votes than this share: no label, in robust mode no reward either",
        between(0, 1));
}

struct RewardOptions {
  Mode mode = Mode::paper;
  std::string data{};
  std::string archive{};
  RewardWeights questioner{};
  LabelBand label{};
};
void describe(auto& visit, OfType<RewardOptions> auto& s) {
  visit("mode", s.mode, "whose arithmetic; the defaults below are its own");
  visit("data", s.data, "JSONL with group, text, votes and optionally blind_votes");
  visit("archive", s.archive, "JSONL with earlier questions, such as this program's output");
  visit("questioner", s.questioner);
  visit("label", s.label);
}

[[nodiscard]] inline RewardOptions default_reward_options(Mode mode) {
  const ConfidenceBand band = rules_of(mode).band;
  RewardOptions options{.mode = mode};
  options.label = {band.low, band.high, band.margin, band.max_unparsed};
  return options;
}

/// The defaults of the mode that the sources name, then the sources.
/// @throws UsageError  naming key and value
[[nodiscard]] inline Resolved<RewardOptions> load_reward_options(const ConfigSources& sources) {
  const auto of_mode = [](std::span<const Setting> settings) {
    Mode mode = RewardOptions{}.mode;
    if (const Setting* named = find_setting(settings, "mode"))
      detail::assign_texts(mode, named->texts, Range{});  // a wrong name is refused afterwards
    return default_reward_options(mode);
  };
  auto resolved = resolve_config<RewardOptions>(sources, of_mode);
  const RewardOptions& o = resolved.config;
  const auto refuse = [](bool wrong, const std::string& sentence) {
    if (wrong) throw UsageError(sentence);
  };
  refuse(o.data.empty(), "--data: expected a JSONL file, got nothing");
  refuse(o.label.low > o.label.high,
         fmt::format("label.low {} is above label.high {}", o.label.low, o.label.high));
  refuse(o.mode == Mode::robust && o.questioner.archive_weight > 0 && o.archive.empty(),
         "questioner.archive_weight: expected --archive with the questions to compare with");
  for (const auto& [key, weight] : {std::pair{"archive_weight", o.questioner.archive_weight},
                                    std::pair{"blind_weight", o.questioner.blind_weight}})
    refuse(o.mode != Mode::robust && weight > 0,
           fmt::format("questioner.{}: {} mode has no such term, robust mode has", key,
                       name_of(o.mode)));
  return resolved;
}

}  // namespace visplay
