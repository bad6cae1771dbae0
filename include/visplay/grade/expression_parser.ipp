// Recursive descent with a bounded depth and a bounded number of nodes.
#pragma once

#include <visplay/grade/expression_parser.hpp>
#include <visplay/text/cursor.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace visplay::algebra {
namespace detail {

using visplay::detail::count_letters;
using visplay::detail::is_digit;
using visplay::detail::is_letter;

inline constexpr std::string_view functions[] = {"arccos", "arcsin", "arctan", "cos", "cosh", "cot",
                                                 "csc",    "exp",    "lg",     "ln",  "log",  "sec",
                                                 "sin",    "sinh",   "tan",    "tanh"};
inline constexpr std::string_view greek[] = {
    "Delta", "Gamma",   "Omega", "Phi",   "Sigma", "Theta",      "alpha",  "beta", "chi",   "delta",
    "ell",   "epsilon", "eta",   "gamma", "kappa", "lambda",     "mu",     "nu",   "omega", "phi",
    "psi",   "rho",     "sigma", "tau",   "theta", "varepsilon", "varphi", "xi",   "zeta"};
static_assert(std::ranges::is_sorted(functions) && std::ranges::is_sorted(greek));

/// Whether a text with a run of letters is mathematics and not words.
constexpr bool looks_mathematical(std::string_view text) {
  const bool signs = text.find_first_of("0123456789+*/^=<>") != std::string_view::npos;
  for (std::size_t at = 0; !signs && (at = text.find('\\', at)) != std::string_view::npos; ++at)
    if (!text.substr(at).starts_with("\\text")) return true;
  return signs;
}

}  // namespace detail

VISPLAY_INLINE ExpressionParser::ExpressionParser(std::string_view text, Algebra& algebra,
                                                  Work& work, bool upper)
    : text_(text),
      rest_(text),
      algebra_(algebra),
      work_(work),
      upper_(upper),
      mathematical_(detail::looks_mathematical(text)) {}

VISPLAY_INLINE Value ExpressionParser::operator()() {
  const Value value = sum();
  skip();
  if (!rest_.empty()) work_.fail();
  return value;
}

VISPLAY_INLINE Value ExpressionParser::fail() {
  work_.fail();
  return {constant(0), constant(1)};
}

VISPLAY_INLINE void ExpressionParser::skip() {
  while (rest_.starts_with(' ')) rest_.remove_prefix(1);
}

VISPLAY_INLINE bool ExpressionParser::take(std::string_view piece) {
  skip();
  if (!rest_.starts_with(piece)) return false;
  if (piece.size() > 1 && piece[0] == '\\' && detail::is_letter(piece.back()) &&
      rest_.size() > piece.size() && detail::is_letter(rest_[piece.size()]))
    return false;  // \p of \pm, \in of \infty
  rest_.remove_prefix(piece.size());
  return true;
}

/// 1, -1, or 0 if no sign stands there.
VISPLAY_INLINE int ExpressionParser::take_sign() {
  if (take("+")) return 1;
  if (take("-")) return -1;
  const bool plus_minus = take("\\pm");
  if (!plus_minus && !take("\\mp")) return 0;
  two_signs_ = true;
  return plus_minus == upper_ ? 1 : -1;
}

VISPLAY_INLINE Value ExpressionParser::sum() {
  if (++depth_ > max_depth) return fail();
  Value total = product();
  for (int sign; !work_.failed && (sign = take_sign()) != 0;) {
    const Value next = product();
    total = algebra_.add(total, sign > 0 ? next : algebra_.negative(next));
  }
  --depth_;
  return total;
}

/// Whether another factor follows without a sign of multiplication. Digits do not ("2 3", "x2").
VISPLAY_INLINE bool ExpressionParser::starts_factor() {
  skip();
  if (rest_.empty()) return false;
  const char c = rest_[0];
  if (detail::is_letter(c) || c == '(' || c == '[' || c == '{') return true;
  if (c == '|') return !in_bars_;
  if (c != '\\') return false;
  for (const std::string_view no_factor : {"\\pm", "\\mp", "\\}", "\\cup", "\\in ", "\\\\"})
    if (rest_.starts_with(no_factor)) return false;
  return true;
}

VISPLAY_INLINE Value ExpressionParser::product() {
  Value total = signed_factor();
  while (!work_.failed) {
    if (take("*"))
      total = algebra_.multiply(total, signed_factor());
    else if (take("/"))
      total = algebra_.divide(total, signed_factor());
    else if (starts_factor())
      total = algebra_.multiply(total, powered());
    else
      break;
  }
  return total;
}

VISPLAY_INLINE Value ExpressionParser::signed_factor() {
  int sign = 1;
  for (int next; (next = take_sign()) != 0;) {
    sign *= next;
    if (++nodes_ > max_nodes) return fail();
  }
  const Value value = powered();
  return sign > 0 ? value : algebra_.negative(value);
}

VISPLAY_INLINE Value ExpressionParser::powered() {
  Value base = primary();
  while (!work_.failed) {
    if (take("!"))
      base = algebra_.factorial(base);
    else if (take("°"))
      base = algebra_.multiply(base, algebra_.divide(algebra_.pi(), algebra_.whole(180)));
    else if (take("^") || take("**"))
      return algebra_.power(base, exponent());
    else
      break;
  }
  return base;
}

VISPLAY_INLINE Value ExpressionParser::exponent() {
  if (++depth_ > max_depth) return fail();
  const bool minus = take("-");
  if (!minus) take("+");
  const Value value = powered();  // 2^3^2 is 2^(3^2)
  --depth_;
  return minus ? algebra_.negative(value) : value;
}

VISPLAY_INLINE Value ExpressionParser::primary() {
  if (++nodes_ > max_nodes || work_.failed) return fail();
  skip();
  if (rest_.empty()) return fail();
  const char c = rest_[0];
  if (detail::is_digit(c) || c == '.') return number();
  if (detail::is_letter(c)) return letters();
  if (c == '\\') return command();
  if (c == '(') return group("(", ")");
  if (c == '[') return group("[", "]");
  if (c == '{') return group("{", "}");
  if (c != '|' || in_bars_) return fail();
  rest_.remove_prefix(1);
  in_bars_ = true;
  const Value inside = sum();
  in_bars_ = false;
  return take("|") ? algebra_.apply("abs", inside) : fail();
}

VISPLAY_INLINE Value ExpressionParser::group(std::string_view opening, std::string_view closing) {
  if (!take(opening)) return fail();
  const bool bars = std::exchange(in_bars_, false);
  const Value inside = sum();
  in_bars_ = bars;
  return take(closing) ? inside : fail();
}

/// A decimal, 1.5e3, a mixed number 1\frac{1}{2}, or 0.\overline{3}.
VISPLAY_INLINE Value ExpressionParser::number() {
  const std::string_view start = rest_;
  const std::optional<Rational> decimal = take_decimal(rest_, false);
  if (!decimal) return fail();
  const std::string_view written = start.substr(0, start.size() - rest_.size());
  const Value value = algebra_.number(*decimal);
  if (rest_.starts_with("\\overline{")) {
    const std::size_t point = written.find('.');
    const std::size_t end = rest_.find('}');
    if (point == std::string_view::npos || end == std::string_view::npos) return fail();
    const std::string_view digits = rest_.substr(10, end - 10);
    if (digits.empty() || digits.size() > 18 || !std::ranges::all_of(digits, detail::is_digit))
      return fail();
    std::string_view period = digits;
    const BoundedInteger nines = power(BoundedInteger(10), std::uint32_t(digits.size())) - 1;
    const BoundedInteger shift =
        power(BoundedInteger(10), std::uint32_t(written.size() - point - 1));
    rest_.remove_prefix(end + 1);
    return algebra_.number(*decimal +
                           fraction(take_decimal(period, false)->numerator, nines * shift));
  }
  if (rest_.size() > 1 && (rest_[0] == 'e' || rest_[0] == 'E') && detail::is_digit(rest_[1])) {
    rest_.remove_prefix(1);
    const auto exponent = take_decimal(rest_, false);
    if (!exponent || !exponent->denominator.is_one() || exponent->numerator.magnitude() > 150)
      return fail();
    return algebra_.multiply(value, algebra_.power(algebra_.whole(10), algebra_.number(*exponent)));
  }
  std::string_view ahead = rest_.substr(rest_.starts_with(' ') ? 1 : 0);
  const auto part = take_fraction(ahead);
  if (part && part->valid() && (part->numerator - part->denominator).negative() &&
      written.find('.') == std::string_view::npos && !ahead.starts_with('^')) {
    rest_ = ahead;
    return algebra_.add(value, algebra_.number(*part));
  }
  return value;
}

VISPLAY_INLINE Value ExpressionParser::variable(std::string_view name) {
  std::string full(name);
  if (rest_.starts_with('_')) {
    rest_.remove_prefix(1);
    std::size_t end = 1;
    std::string_view index = rest_.substr(0, 1);
    if (rest_.starts_with('{')) {
      end = rest_.find('}');
      if (end == std::string_view::npos) return fail();
      index = rest_.substr(1, end++ - 1);
    }
    if (index.empty() || index.size() > 8 || !std::ranges::all_of(index, [](char c) {
          return detail::is_digit(c) || detail::is_letter(c);
        }))
      return fail();
    full.append("_").append(index);
    rest_.remove_prefix(end);
  }
  if (full == "e") return algebra_.e();
  if (full == "i") return algebra_.i();
  return algebra_.variable(full);
}

/// "5 cats", "10am" and "3rd" are a number and a word.
VISPLAY_INLINE bool ExpressionParser::is_word_behind_number(std::string_view run) const {
  const std::size_t at = text_.size() - rest_.size();
  for (const std::string_view word : {"am", "pm", "st", "nd", "rd", "th"})
    if (run == word && at >= 1 && detail::is_digit(text_[at - 1])) return true;
  return at >= 2 && text_[at - 1] == ' ' && detail::is_digit(text_[at - 2]);
}

/// A run of letters outside commands: a function's name, or up to three variables.
VISPLAY_INLINE Value ExpressionParser::letters() {
  const std::size_t length = detail::count_letters(rest_);
  const std::string_view run = rest_.substr(0, length);
  if (length > 1 &&
      (run == "sqrt" || run == "pi" || std::ranges::binary_search(detail::functions, run))) {
    rest_.remove_prefix(length);
    return named(run);
  }
  if (length > 1 && (!mathematical_ || length > 3 || is_word_behind_number(run))) return fail();
  rest_.remove_prefix(1);
  return variable(run.substr(0, 1));
}

VISPLAY_INLINE Value ExpressionParser::command() {
  rest_.remove_prefix(1);
  const std::string_view name = rest_.substr(0, detail::count_letters(rest_));
  rest_.remove_prefix(name.size());
  return named(name);
}

VISPLAY_INLINE Value ExpressionParser::named(std::string_view name) {
  if (name == "frac") return frac();
  if (name == "sqrt") return square_root();
  if (name == "pi") return algebra_.pi();
  if (name == "imath") return algebra_.i();
  if (name == "binom") {
    const Value n = argument();
    return algebra_.binomial(n, argument());
  }
  if (name == "text" && rest_.size() > 2 && rest_[0] == '{' && rest_[2] == '}' &&
      detail::is_letter(rest_[1])) {  // \mathrm{e}
    const std::string_view letter = rest_.substr(1, 1);
    rest_.remove_prefix(3);
    return variable(letter);
  }
  if (std::ranges::binary_search(detail::functions, name)) return function(name);
  if (std::ranges::binary_search(detail::greek, name)) return variable(name);
  return fail();
}

/// What follows \frac and \sqrt: a group, or one digit, letter or command.
VISPLAY_INLINE Value ExpressionParser::argument() {
  if (++nodes_ > max_nodes || ++depth_ > max_depth) return fail();
  skip();
  if (rest_.empty()) return fail();
  const char c = rest_[0];
  Value value;
  if (detail::is_digit(c) || detail::is_letter(c)) {
    rest_.remove_prefix(1);
    value = detail::is_digit(c) ? algebra_.whole(c - '0') : variable(std::string_view(&c, 1));
  } else {
    value = c == '{'    ? group("{", "}")
            : c == '('  ? group("(", ")")
            : c == '\\' ? command()
                        : fail();
  }
  --depth_;
  return value;
}

VISPLAY_INLINE Value ExpressionParser::frac() {
  const Value above = argument();
  const Value below = argument();
  return work_.failed ? above : algebra_.divide(above, below);
}

VISPLAY_INLINE Value ExpressionParser::square_root() {
  int degree = 2;
  skip();
  if (rest_.starts_with('[')) {
    rest_.remove_prefix(1);
    const auto given = take_decimal(rest_, false);
    if (!given || !given->denominator.is_one() || given->numerator.magnitude() > 12 || !take("]"))
      return fail();
    degree = int(given->numerator.magnitude());
  }
  skip();
  // \sqrt 12 and √12 mean the whole number.
  const bool whole = !rest_.empty() && detail::is_digit(rest_[0]);
  const Value radicand = whole ? number() : argument();
  return work_.failed ? radicand : algebra_.root(radicand, degree);
}

/// What a function is applied to: a group, or the factors up to a sign or another function.
VISPLAY_INLINE Value ExpressionParser::function_argument() {
  if (++depth_ > max_depth) return fail();
  skip();
  const bool grouped =
      !rest_.empty() && std::string_view("({[").find(rest_[0]) != std::string_view::npos;
  Value value = grouped ? primary() : signed_factor();
  const auto next_is_function = [this] {
    const std::string_view name = rest_.substr(rest_.starts_with('\\') ? 1 : 0);
    return std::ranges::binary_search(detail::functions,
                                      name.substr(0, detail::count_letters(name)));
  };
  while (!grouped && !work_.failed && starts_factor() && !next_is_function())
    value = algebra_.multiply(value, powered());
  --depth_;
  return value;
}

/// A function's name is read: its base, its power, its argument.
VISPLAY_INLINE Value ExpressionParser::function(std::string_view name) {
  std::optional<Value> base;
  std::optional<Value> power;
  if ((name == "log" || name == "ln") && take("_")) base = argument();
  if (take("^")) power = exponent();
  const Value value = function_argument();
  if (work_.failed) return value;
  if (base) return algebra_.logarithm(*base, value);
  if (power && *power == algebra_.whole(-1))
    return algebra_.apply("arc" + std::string(name), value);
  const Value applied = algebra_.apply(name, value);
  return power ? algebra_.power(applied, *power) : applied;
}

}  // namespace visplay::algebra
