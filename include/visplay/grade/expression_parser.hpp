// ExpressionParser: LaTeX or plain notation to a value of the algebra.
//
//   3x^2 - \frac{1}{2}x    2\pi    \sqrt[3]{2}    (x+1)(x-1)    \log_2 8    5!    |{-3}|
//
// Precedence: + and -; then *, / and juxtaposition alike, from the left (1/2x is x/2, as in sympy);
// then signs; then powers, from the right, to a group, a number or one factor (x^10 is x^{10}). A
// function without brackets takes the factors up to the next sign or function: \sin 2x \cos x.
// Letters are variables one by one (xy is x y), e and i are numbers; a longer run of letters is no
// expression, nor are letters alone ("red"): words are for other graders. \pm is + or -, as told.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/grade/algebra.hpp>

#include <string_view>

namespace visplay::algebra {

class ExpressionParser {
 public:
  static constexpr int max_depth = 24;   ///< of nested groups
  static constexpr int max_nodes = 120;  ///< numbers, letters and functions

  /// Reads a part of a plain_answer. `upper`: \pm is + and \mp is -; else the other way round.
  ExpressionParser(std::string_view text, Algebra& algebra, Work& work, bool upper = true);

  /// The value of the whole text. What cannot be read sets work.failed.
  [[nodiscard]] Value operator()();
  /// Whether a \pm or \mp was there.
  [[nodiscard]] bool two_signs() const { return two_signs_; }

 private:
  Value sum();
  Value product();
  Value signed_factor();
  Value powered();
  Value exponent();
  Value primary();
  Value group(std::string_view opening, std::string_view closing);
  Value number();
  Value letters();
  Value variable(std::string_view name);
  Value command();
  Value named(std::string_view name);
  Value frac();
  Value square_root();
  Value function(std::string_view name);
  Value function_argument();
  Value argument();
  Value fail();
  int take_sign();
  bool starts_factor();
  bool is_word_behind_number(std::string_view run) const;
  bool take(std::string_view piece);
  void skip();

  std::string_view text_;
  std::string_view rest_;
  Algebra& algebra_;
  Work& work_;
  int depth_ = 0;
  int nodes_ = 0;
  bool upper_;
  bool two_signs_ = false;
  bool mathematical_;
  bool in_bars_ = false;
};

}  // namespace visplay::algebra

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/grade/expression_parser.ipp>
#endif
