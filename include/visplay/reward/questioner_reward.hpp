// QuestionerReward: what a question is worth (c: confidence of its votes, k: size of its cluster,
// G: of its group, B: of the batch).
//
//   paper     valid * max(0, (1 - |2c - 1|) - lambda k/G)                     2511.15661, eq. 8
//   robust    the same, less the archive's share and the blind share by their weights; 0 if more
//             than max_unparsed of the votes did not parse
//   official  min(c, 1 - c) - lambda k/B, or -1 - lambda k/B if not valid     authors' cot_val.py,
//             with official_confidence(label) as c
//
// The table has the parts: format (valid), difficulty, diversity (the share), in robust mode also
// parsed (enough votes have an answer), archive and blind.
//
// What official mode keeps of the authors' code, besides the formula: half the paper's difficulty, so
// that diversity weighs twice as much; clusters over the whole call, so that eight equal questions on
// one image of 512 cost 8/4096; votes without an answer as one more class, so that a question nobody
// can box an answer to looks hard; rewards below zero. What it does not keep: results that slip to
// another question, answers merged because both contain "no ", grading that gives up after ten
// seconds. docs/decisions.md has the list.
#pragma once

#include <visplay/core/describe.hpp>
#include <visplay/data/reward_table.hpp>
#include <visplay/data/sample.hpp>
#include <visplay/reward/difficulty.hpp>
#include <visplay/reward/diversity.hpp>
#include <visplay/reward/format.hpp>
#include <visplay/reward/gate.hpp>
#include <visplay/reward/mode.hpp>
#include <visplay/reward/penalties.hpp>
#include <visplay/reward/reward.hpp>

#include <algorithm>
#include <concepts>
#include <span>

namespace visplay {

/// c of the authors' reward: votes without an answer are one more class that can be the largest.
[[nodiscard]] inline double official_confidence(const PseudoLabel& label) {
  const int largest = std::max(label.majority, label.unparsed + label.truncated);
  return label.votes ? double(largest) / double(label.votes) : 0.;
}

/// c of the mode's reward.
[[nodiscard]] inline double reward_confidence(Mode mode, const PseudoLabel& label) {
  return mode == Mode::official ? official_confidence(label) : double(label.confidence());
}

template <class S>
concept HasPenalties = HasLabel<S> && HasArchiveShare<S> && HasBlindShare<S>;

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
    switch (mode) {
      case Mode::paper:
        return paper()(batch);
      case Mode::robust:
        return robust()(batch);
      case Mode::official:
        break;
    }
    RewardTable table = official()(batch);
    table.terms.insert(table.terms.begin(), score(QuestionFormat{}, batch));
    return table;
  }

  [[nodiscard]] auto paper() const {
    return GatedSum{RewardSum{Term{1., Difficulty{}}, Term{-diversity_weight, Diversity{}}},
                    QuestionFormat{}};
  }
  [[nodiscard]] auto robust() const {
    return GatedSum{
        RewardSum{Term{1., Difficulty{}}, Term{-diversity_weight, Diversity{}},
                  Term{-archive_weight, ArchiveShare{}}, Term{-blind_weight, BlindShare{}}},
        QuestionFormat{}, EnoughParsed{max_unparsed}};
  }
  /// Not valid: the difficulty is -1, whatever the votes say.
  [[nodiscard]] auto official() const {
    using enum Difficulty::Shape;
    return RewardSum{Term{1., Gated{QuestionFormat{}, Difficulty{smaller_share}, -1.f}},
                     Term{-diversity_weight, Diversity{Diversity::Scope::batch}}};
  }
};

/// The three weights of any struct that has them.
void describe_weights(auto& visit, auto& s) {
  visit("diversity_weight", s.diversity_weight, "lambda: price of a question's cluster share",
        at_least(0));
  visit("archive_weight", s.archive_weight, "price of likeness to earlier questions", at_least(0));
  visit("blind_weight", s.blind_weight, "price of being answered without the image", at_least(0));
}
/// The other members are no settings of the reward: the mode is the program's, max_unparsed the band's.
void describe(auto& visit, OfType<QuestionerReward> auto& s) { describe_weights(visit, s); }

}  // namespace visplay
