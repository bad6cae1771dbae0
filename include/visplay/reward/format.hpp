// Format, per role: 1 if the text has the structure that was asked for, else 0.
//
//   QuestionFormat    the completion held a well-formed question: the paper's gate (2511.15661, eq. 7);
//                     which tags are demanded is the parser's business
//   EnoughParsed      enough of the votes on it parsed: what nobody can answer in the form asked for
//                     is no hard question, it is no question
//   ReasoningFormat   the Reasoner's completion is <think>...</think> and then \boxed{...}, nothing
//                     else (authors' cot_val_solver.py)
//
// They are terms of a sum or gates of one (reward/gate.hpp).
#pragma once

#include <visplay/core/share.hpp>
#include <visplay/data/sample.hpp>
#include <visplay/reward/each.hpp>
#include <visplay/reward/reward.hpp>
#include <visplay/text/whitespace.hpp>

#include <concepts>
#include <optional>
#include <span>
#include <string_view>

namespace visplay {

template <class S>
concept HasQuestion = requires(const S& sample) {
  { sample.question } -> std::convertible_to<const std::optional<Question>&>;
};
template <class S>
concept HasLabel = requires(const S& sample) {
  { sample.label } -> std::convertible_to<const PseudoLabel&>;
};
template <class S>
concept HasForm = requires(const S& sample) {
  { sample.well_formed } -> std::convertible_to<bool>;
};

struct QuestionFormat {
  static constexpr std::string_view name = "format";

  /// @throws Error if batch and out differ in length
  template <HasQuestion Sample>
  void operator()(std::span<const Sample> batch, std::span<float> out) const {
    detail::score_each(name, batch, out,
                       [](const Sample& s) { return s.question.has_value() ? 1. : 0.; });
  }
};
static_assert(RewardFor<QuestionFormat, QuestionSample>);

struct EnoughParsed {
  static constexpr std::string_view name = "parsed";
  double max_unparsed = 0.3;  ///< share of unparsed votes at most, in [0, 1], compared exactly

  /// @throws Error if batch and out differ in length
  template <HasLabel Sample>
  void operator()(std::span<const Sample> batch, std::span<float> out) const {
    detail::score_each(name, batch, out, [this](const Sample& s) {
      const PseudoLabel& label = s.label;
      return compare_share(label.unparsed, label.votes, max_unparsed) > 0 ? 0. : 1.;
    });
  }
};
static_assert(RewardFor<EnoughParsed, QuestionSample>);

struct ReasoningFormat {
  static constexpr std::string_view name = "format";

  /// @throws Error if batch and out differ in length
  template <HasForm Sample>
  void operator()(std::span<const Sample> batch, std::span<float> out) const {
    detail::score_each(name, batch, out, [](const Sample& s) { return s.well_formed ? 1. : 0.; });
  }
};
static_assert(RewardFor<ReasoningFormat, AnswerSample>);

/// True if the completion is <think>, anything, </think>, \boxed{, anything, }: white space around the
/// parts is free, other text before, between and behind is not. Linear in the text.
[[nodiscard]] constexpr bool has_reasoning_format(std::string_view completion) {
  constexpr std::string_view open = "<think>", close = "</think>", box = "\\boxed{";
  std::string_view text = trim(completion);
  if (!text.starts_with(open) || !text.ends_with('}')) return false;
  text.remove_prefix(open.size());
  for (std::size_t at = 0; (at = text.find(close, at)) != std::string_view::npos;) {
    at += close.size();
    std::string_view rest = text.substr(at);
    while (const std::size_t bytes = leading_space(rest)) rest.remove_prefix(bytes);
    if (rest.starts_with(box)) return true;
  }
  return false;
}

}  // namespace visplay
