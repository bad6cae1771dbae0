// Exact: two answers are the same if their normal forms are equal. An equivalence relation, so the
// order of votes cannot change their classes.
#pragma once

#include <visplay/grade/grader.hpp>
#include <visplay/text/normalize.hpp>

namespace visplay {

struct Exact {
  [[nodiscard]] Verdict operator()(std::string_view answer, std::string_view reference) const {
    return normalize(answer) == normalize(reference) ? Verdict::same : Verdict::different;
  }
};
static_assert(AnswerGrader<Exact>);

}  // namespace visplay
