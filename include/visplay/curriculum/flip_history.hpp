// FlipHistory: do labels stay what they were? Two indicators that need no truth (TTRL-Guard,
// 2605.19444):
//
//   flip rate        share of the revisited questions whose majority answer is another than last time
//   majority ratio   mean of n_max / m over the visited questions
//
//   FlipHistory history;
//   history.begin_round();
//   for (...) const Flip flip = history.visit(question.text, label, Exact{});
//   log(history.flip_rate(), history.majority_ratio());
//
// A label that flips is not to be trusted however large its majority; a rate that falls to zero while
// label accuracy does too means that wrong majorities have locked.
#pragma once

#include <visplay/data/pseudo_label.hpp>
#include <visplay/grade/grader.hpp>

#include <map>
#include <string>
#include <string_view>

namespace visplay {

enum class Flip { first_visit, same, flipped, no_label };

class FlipHistory {
 public:
  /// Last majority answer of each question: all that outlives a round.
  using Memory = std::map<std::string, std::string, std::less<>>;

  explicit FlipHistory(Memory memory = {}) : memory_(std::move(memory)) {}

  /// The indicators start again; the memory stays.
  void begin_round() { visits_ = revisits_ = flips_ = 0, ratios_ = 0; }

  /// A label that does not exist leaves the memory as it is and counts as a ratio of 0.
  template <class Grader>
  Flip visit(std::string_view question, const PseudoLabel& label, const Grader& grade) {
    static_assert(checked_grader<Grader>());
    ++visits_;
    if (!label.exists()) return Flip::no_label;
    ratios_ += double(label.majority) / label.votes;
    const auto [place, is_new] = memory_.try_emplace(std::string(question), label.answer);
    if (is_new) return Flip::first_visit;
    ++revisits_;
    const bool flipped = grade(label.answer, place->second) != Verdict::same;
    flips_ += flipped;
    place->second = label.answer;
    return flipped ? Flip::flipped : Flip::same;
  }

  /// In [0, 1], of this round; 0 if nothing was seen again.
  [[nodiscard]] double flip_rate() const { return revisits_ ? double(flips_) / revisits_ : 0.; }
  /// In [0, 1], of this round; 0 if nothing was seen.
  [[nodiscard]] double majority_ratio() const { return visits_ ? ratios_ / visits_ : 0.; }
  [[nodiscard]] const Memory& memory() const { return memory_; }

 private:
  Memory memory_;
  int visits_ = 0, revisits_ = 0, flips_ = 0;
  double ratios_ = 0;
};

}  // namespace visplay
