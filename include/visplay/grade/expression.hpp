// Expression: two answers are the same if they stand for the same mathematical object, found out by
// exact algebra (grade/algebra.hpp), never by floating point.
//
//   Expression{}("\\frac{\\sqrt{8}}{2}", "\\sqrt 2")                  // Verdict::same
//   Expression{}.canonical("x = \\pm 2")                              // "={-2,2}"
//
// What it reads, each with one key:
//   numbers, rational functions, roots, powers, logarithms   see grade/expression_parser.hpp
//   x = E, f(x) = E, x \in E             as E; an equation with more on its left stays one
//   equations and inequalities           up to a factor: 2x + 4 = 0 is x = -2 with its left 2x
//   {a, b}; a, b; a and b; a or b; \pm   a set: order and repetition do not count; {a} is a
//   (a, b) [a, b) (a, b]                 a tuple or interval: order and brackets count
//   A \cup B                             order does not count
//   pmatrix, bmatrix, matrix             row by row
// with measures as `measures` says. Assignments to different names in one list keep them:
// "x = 1, y = 2" is not "x = 2, y = 1".
//
// No opinion on words, and on what takes more than the stated work (Work, ExpressionParser, 512-bit
// numbers): that key is the answer itself. The verdict is undecided between unequal expressions of
// which one has parts taken as they stand (\sin x).
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/grade/numeric.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace visplay {

struct Expression {
  static constexpr std::string_view name = "expression";

  MeasurePolicy measures{};  ///< percentages and units, of each number of the answer

  /// The key of a plain_answer; nothing if it is no expression.
  [[nodiscard]] std::optional<std::string> read(std::string_view plain) const;

  [[nodiscard]] std::string canonical(std::string_view answer) const {
    return canonical_of(*this, answer);
  }
  [[nodiscard]] Verdict operator()(std::string_view answer, std::string_view reference) const {
    return verdict_by_keys(*this, answer, reference);
  }
};
static_assert(CanonicalGrader<Expression> && PlainReader<Expression>);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/grade/expression.ipp>
#endif
