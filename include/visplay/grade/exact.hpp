// Exact: two answers are the same if their normal forms are equal. An equivalence relation, so the
// order of votes cannot change their classes.
#pragma once

#include <visplay/grade/grader.hpp>
#include <visplay/text/normalize.hpp>

#include <string>
#include <string_view>

namespace visplay {

struct Exact {
  static constexpr std::string_view name = "exact";

  [[nodiscard]] std::string canonical(std::string_view answer) const {
    if (answer.size() > longest_graded) return unopened(answer);
    return std::string(1, char(KeyKind::text)).append(normalize(answer));
  }
  [[nodiscard]] Verdict operator()(std::string_view answer, std::string_view reference) const {
    return verdict_by_keys(*this, answer, reference);
  }
};
static_assert(CanonicalGrader<Exact>);

}  // namespace visplay
