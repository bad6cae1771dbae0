// QuestionerReward: what a question is worth (c: confidence of its votes, k: size of its cluster,
// G: of its group, B: of the batch).
//
//   paper     valid * max(0, (1 - |2c - 1|) - lambda k/G)                     2511.15661, eq. 8
//   robust    the same, less the archive's share and the blind share by their weights; 0 if more
//             than max_unparsed of the votes did not parse
//   official  min(c, 1 - c) - lambda k/B, or -1 - lambda k/B if not valid     authors' cot_val.py,
//             with official_confidence(label) as c
//
// The table has the parts: format (valid), difficulty, diversity (the share), archive, blind.
#pragma once

#include <visplay/core/share.hpp>
#include <visplay/data/reward_table.hpp>
#include <visplay/data/sample.hpp>
#include <visplay/reward/difficulty.hpp>
#include <visplay/reward/diversity.hpp>
#include <visplay/reward/format.hpp>
#include <visplay/reward/mode.hpp>
#include <visplay/reward/reward.hpp>

#include <algorithm>
#include <concepts>
#include <span>
#include <vector>

namespace visplay {

/// c of the authors' reward: votes without an answer are one more class that can be the largest.
[[nodiscard]] inline double official_confidence(const PseudoLabel& label) {
  const int largest = std::max(label.majority, label.unparsed + label.truncated);
  return label.votes ? double(largest) / double(label.votes) : 0.;
}

template <class S>
concept HasPenalties = requires(const S& sample) {
  { sample.label } -> std::convertible_to<const PseudoLabel&>;
  { sample.archive_share } -> std::convertible_to<float>;
  { sample.blind_share } -> std::convertible_to<float>;
};

struct QuestionerReward {
  Mode mode = Mode::paper;
  double diversity_weight = 1;  ///< lambda, >= 0
  double archive_weight = 0;    ///< lambda 2, >= 0; robust only
  double blind_weight = 0;      ///< lambda 3, >= 0; robust only
  double max_unparsed = 0.3;    ///< share of the votes, in [0, 1]; robust only

  /// Samples carry question, confidence, group, label, archive_share and blind_share.
  template <class Sample>
  requires HasQuestion<Sample> && HasConfidence<Sample> && HasGroup<Sample> && HasPenalties<Sample>
  [[nodiscard]] RewardTable operator()(std::span<const Sample> batch) const {
    using enum Mode;
    const Difficulty difficulty{mode == official ? Difficulty::Shape::smaller_share
                                                 : Difficulty::Shape::tent};
    const Diversity diversity{mode == official ? Diversity::Scope::batch : Diversity::Scope::group};
    RewardTable table;
    table.terms = {score(QuestionFormat{}, batch), score(difficulty, batch),
                   score(diversity, batch)};
    if (mode == robust && archive_weight != 0)
      table.terms.push_back(column("archive", batch, &Sample::archive_share));
    if (mode == robust && blind_weight != 0)
      table.terms.push_back(column("blind", batch, &Sample::blind_share));

    for (std::size_t i = 0; i < batch.size(); ++i)
      table.total.push_back(
          float(total(batch[i], table.terms[1].scores[i], table.terms[2].scores[i])));
    return table;
  }

 private:
  template <class Sample>
  [[nodiscard]] double total(const Sample& sample, double difficulty, double share) const {
    const bool valid = sample.question.has_value();
    if (mode == Mode::official) return (valid ? difficulty : -1.) - diversity_weight * share;
    if (!valid) return 0;
    double worth = difficulty - diversity_weight * share;
    if (mode == Mode::robust) {
      const PseudoLabel& label = sample.label;
      if (compare_share(label.unparsed, label.votes, max_unparsed) > 0) return 0;
      worth -= archive_weight * sample.archive_share + blind_weight * sample.blind_share;
    }
    return std::max(0., worth);
  }

  template <class Sample>
  static RewardTable::Column column(std::string_view name, std::span<const Sample> batch,
                                    float Sample::*field) {
    RewardTable::Column out{std::string(name), std::vector<float>(batch.size())};
    std::ranges::transform(batch, out.scores.begin(), field);
    return out;
  }
};

}  // namespace visplay
