// FirstDecisive: a chain of graders. The first that has an opinion on an answer writes its key.
//
//   const FirstDecisive grade{Choice{}, Numeric{}, Expression{}, Words{}};   // = AnswerChain{}
//   grade("0.5", "\\frac12")                                           // Verdict::same
//
// Asking pair by pair would not be transitive: with a choice grader before a text grader, "A" is
// "(A)" by the one and "(A)" is "(a)" by the other. Keys are: a key depends on one answer only.
#pragma once

#include <visplay/grade/choice.hpp>
#include <visplay/grade/expression.hpp>
#include <visplay/grade/numeric.hpp>
#include <visplay/grade/plain_reader.hpp>
#include <visplay/grade/words.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <tuple>

namespace visplay {

/// No opinion if none of them has one, and on an answer longer than `longest_graded`.
template <class... Graders>
struct FirstDecisive {
  static_assert((CanonicalGrader<Graders> && ...),
                "FirstDecisive: a grader of a chain also has std::string "
                "canonical(std::string_view answer) const");
  static constexpr std::string_view name = "first_decisive";

  std::tuple<Graders...> graders;

  constexpr FirstDecisive() = default;
  constexpr explicit FirstDecisive(Graders... chain) : graders(std::move(chain)...) {}

  [[nodiscard]] std::string canonical(std::string_view answer) const {
    if (answer.size() > longest_graded) return unopened(answer);
    std::optional<std::string> plain;
    std::string key;
    const auto decides = [&](const auto& grade) {
      if constexpr (PlainReader<decltype(grade)>) {
        if (!plain) plain = plain_answer(answer);
        if (plain->size() > longest_graded) return false;
        std::optional<std::string> read = grade.read(*plain);
        if (read) key = *std::move(read);
        return read.has_value();
      } else {
        key = grade.canonical(answer);
        return kind_of(key) != KeyKind::unopened;
      }
    };
    const bool decided =
        std::apply([&](const auto&... grade) { return (decides(grade) || ...); }, graders);
    return decided ? key : unopened(answer);
  }

  [[nodiscard]] Verdict operator()(std::string_view answer, std::string_view reference) const {
    return verdict_by_keys(*this, answer, reference);
  }
};
template <class... Graders>
FirstDecisive(Graders...) -> FirstDecisive<Graders...>;

/// For benchmarks with mixed questions: options, numbers, mathematics, then words.
using AnswerChain = FirstDecisive<Choice, Numeric, Expression, Words>;
static_assert(CanonicalGrader<AnswerChain>);

}  // namespace visplay
