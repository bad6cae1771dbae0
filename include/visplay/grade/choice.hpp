// Choice: two answers are the same if they name the same options of a multiple-choice question.
//
//   Choice{}("(B)", "Option B: 5 cm")                                  // Verdict::same
//   Choice{}.canonical("B and A")                                      // "cA,B"
//
// Read are a letter alone (A to `last`, or a to d: e, f, x are names in mathematics), in brackets or
// with a mark after it: A  (A)  [A]  A.  A)  A:  and what may follow the mark ("A) 5 cm"); "option",
// "choice" or "answer" before it, "the" and "is" too; and lists of capital letters. The text of the
// option is not compared, and an answer that is only the text names no option: no opinion.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/grade/plain_reader.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace visplay {

struct Choice {
  static constexpr std::string_view name = "choice";

  char last = 'J';  ///< the last option that there can be, A to Z

  /// The key of a plain_answer; nothing if it names no option.
  [[nodiscard]] std::optional<std::string> read(std::string_view plain) const;

  [[nodiscard]] std::string canonical(std::string_view answer) const {
    return canonical_of(*this, answer);
  }
  [[nodiscard]] Verdict operator()(std::string_view answer, std::string_view reference) const {
    return verdict_by_keys(*this, answer, reference);
  }
};
static_assert(CanonicalGrader<Choice> && PlainReader<Choice>);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/grade/choice.ipp>
#endif
