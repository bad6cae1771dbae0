// Reading numbers: a cursor that takes pieces off the front of a view.
#pragma once

#include <visplay/text/cursor.hpp>
#include <visplay/text/number.hpp>
#include <visplay/text/whitespace.hpp>

#include <algorithm>
#include <cstdlib>

namespace visplay {
namespace detail {

/// Bytes of the digits with proper thousands separators that text starts with; 0 if it has none.
constexpr std::size_t count_grouped(std::string_view text) {
  const std::size_t lead = count_digits(text);
  if (lead == 0 || lead > 3 || text[0] == '0') return 0;
  std::size_t end = lead;
  while (end < text.size() && text[end] == ',' && count_digits(text.substr(end + 1)) == 3) end += 4;
  return end > lead ? end : 0;
}

/// Puts digits (commas are passed over) behind those of value.
VISPLAY_INLINE void push_digits(BoundedInteger& value, std::string_view digits) {
  std::uint64_t chunk = 0;
  std::int64_t scale = 1;
  for (const char c : digits) {
    if (c == ',') continue;
    chunk = chunk * 10 + std::uint64_t(c - '0');
    scale *= 10;
    if (scale == 1'000'000'000'000'000'000) {
      value = value * scale + BoundedInteger::of_magnitude(chunk);
      chunk = 0;
      scale = 1;
      if (!value.valid()) return;
    }
  }
  value = value.is_zero() ? BoundedInteger::of_magnitude(chunk)
                          : value * scale + BoundedInteger::of_magnitude(chunk);
}

/// Takes a whole number with its sign; nothing if there is none or it has over six digits.
VISPLAY_INLINE std::optional<int> take_exponent(std::string_view& text) {
  std::string_view rest = text;
  const bool braced = take_piece(rest, "{");
  skip_blanks(rest);
  const bool negative = take_piece(rest, "-");
  if (!negative) take_piece(rest, "+");
  const std::size_t digits = count_digits(rest);
  if (digits == 0 || digits > 6) return std::nullopt;
  int value = 0;
  for (const char c : rest.substr(0, digits)) value = 10 * value + (c - '0');
  rest.remove_prefix(digits);
  skip_blanks(rest);
  if (braced && !take_piece(rest, "}")) return std::nullopt;
  text = rest;
  return negative ? -value : value;
}

/// Takes "e5" or "x 10^{5}" off text and returns the exponent; nothing if neither stands there.
VISPLAY_INLINE std::optional<int> take_power_of_ten(std::string_view& text) {
  std::string_view rest = text;
  if (take_piece(rest, "e") || take_piece(rest, "E")) {
    if (rest.starts_with('{')) return std::nullopt;
  } else {
    skip_blanks(rest);
    if (!take_piece(rest, "\\times") && !take_piece(rest, "\\cdot") && !take_piece(rest, "*") &&
        !take_piece(rest, "x"))
      return std::nullopt;
    skip_blanks(rest);
    if (!take_piece(rest, "10^")) return std::nullopt;
  }
  const auto exponent = take_exponent(rest);
  if (exponent) text = rest;
  return exponent;
}

VISPLAY_INLINE Rational times_power_of_ten(const Rational& value, int exponent) {
  if (exponent < -150 || 150 < exponent) return {BoundedInteger::invalid(), 1};
  const BoundedInteger scale = power(BoundedInteger(10), std::uint32_t(std::abs(exponent)));
  return exponent < 0 ? fraction(value.numerator, value.denominator * scale)
                      : fraction(value.numerator * scale, value.denominator);
}

/// Takes the digits of one argument of \frac: {12}, or a single digit.
VISPLAY_INLINE std::optional<BoundedInteger> take_argument(std::string_view& text) {
  std::string_view rest = text;
  skip_blanks(rest);
  const bool braced = take_piece(rest, "{");
  if (braced) skip_blanks(rest);
  const std::size_t digits =
      braced ? count_digits(rest) : std::min<std::size_t>(1, count_digits(rest));
  if (digits == 0) return std::nullopt;
  BoundedInteger value;
  push_digits(value, rest.substr(0, digits));
  rest.remove_prefix(digits);
  if (braced) skip_blanks(rest);
  if (braced && !take_piece(rest, "}")) return std::nullopt;
  text = rest;
  return value;
}

/// What may follow a whole number: "/4", "\frac{1}{2}" or " 1/2"; nothing if none of them does.
VISPLAY_INLINE std::optional<Rational> take_fraction_part(std::string_view& text,
                                                          const Rational& whole) {
  std::string_view rest = text;
  skip_blanks(rest);
  if (take_piece(rest, "/")) {
    skip_blanks(rest);
    const auto below = take_decimal(rest, true);
    if (!below || !below->denominator.is_one()) return std::nullopt;
    text = rest;
    return fraction(whole.numerator, below->numerator);
  }
  const bool blank = rest.size() < text.size();
  std::optional<Rational> part = take_fraction(rest);
  if (!part && blank && count_digits(rest) > 0) {
    const auto above = take_decimal(rest, false);
    if (!above || !take_piece(rest, "/") || count_digits(rest) == 0) return std::nullopt;
    const auto below = take_decimal(rest, false);
    if (!below || !above->denominator.is_one() || !below->denominator.is_one()) return std::nullopt;
    part = fraction(above->numerator, below->numerator);
  }
  if (!part || !part->valid() || !(part->numerator - part->denominator).negative())
    return std::nullopt;
  text = rest;
  return whole + *part;
}

/// Takes the number without its sign.
VISPLAY_INLINE std::optional<Rational> take_magnitude(std::string_view& text) {
  if (text.starts_with("\\frac")) return take_fraction(text);
  const std::string_view start = text;
  const std::optional<Rational> decimal = take_decimal(text, true);
  if (!decimal || text.empty()) return decimal;
  if (const auto exponent = take_power_of_ten(text)) return times_power_of_ten(*decimal, *exponent);
  const std::string_view written = start.substr(0, start.size() - text.size());
  if (written.find('.') != std::string_view::npos) return decimal;
  const std::optional<Rational> part = take_fraction_part(text, *decimal);
  return part ? part : decimal;
}

}  // namespace detail

VISPLAY_INLINE Rational fraction(const BoundedInteger& numerator,
                                 const BoundedInteger& denominator) {
  if (denominator.is_zero()) return {BoundedInteger::invalid(), 1};
  if (denominator.is_one()) return {numerator, denominator};
  const BoundedInteger common = gcd(numerator, denominator);
  Rational value{divide(numerator, common).quotient, divide(denominator, common).quotient};
  if (value.denominator.negative()) value = {-value.numerator, -value.denominator};
  return value;
}

VISPLAY_INLINE Rational operator+(const Rational& a, const Rational& b) {
  return fraction(a.numerator * b.denominator + b.numerator * a.denominator,
                  a.denominator * b.denominator);
}

VISPLAY_INLINE Rational operator*(const Rational& a, const Rational& b) {
  return fraction(a.numerator * b.numerator, a.denominator * b.denominator);
}

VISPLAY_INLINE void append_to(std::string& text, const Rational& value) {
  append_to(text, value.numerator);
  if (value.denominator.is_one()) return;
  text += '/';
  append_to(text, value.denominator);
}

VISPLAY_INLINE std::optional<Rational> take_decimal(std::string_view& text, bool separators) {
  const std::size_t grouped = separators ? detail::count_grouped(text) : 0;
  const std::size_t whole = grouped > 0 ? grouped : detail::count_digits(text);
  const bool point = whole < text.size() && text[whole] == '.';
  const std::size_t decimals = point ? detail::count_digits(text.substr(whole + 1)) : 0;
  if (whole + decimals == 0 || decimals > 150) return std::nullopt;
  BoundedInteger digits;
  detail::push_digits(digits, text.substr(0, whole));
  if (decimals > 0) detail::push_digits(digits, text.substr(whole + 1, decimals));
  if (!digits.valid()) return std::nullopt;
  text.remove_prefix(whole + (point ? 1 + decimals : 0));
  if (decimals == 0) return Rational{digits, 1};
  return fraction(digits, power(BoundedInteger(10), std::uint32_t(decimals)));
}

VISPLAY_INLINE std::optional<Rational> take_fraction(std::string_view& text) {
  std::string_view rest = text;
  if (!detail::take_piece(rest, "\\frac")) return std::nullopt;
  const auto above = detail::take_argument(rest);
  if (!above) return std::nullopt;
  const auto below = detail::take_argument(rest);
  if (!below) return std::nullopt;
  text = rest;
  return fraction(*above, *below);
}

VISPLAY_INLINE std::optional<Rational> parse_number(std::string_view text) {
  text = trim(text);
  const bool negative = detail::take_piece(text, "-");
  if (!negative) detail::take_piece(text, "+");
  detail::skip_blanks(text);
  std::optional<Rational> value = detail::take_magnitude(text);
  if (!value || !text.empty() || !value->valid()) return std::nullopt;
  if (negative) value->numerator = -value->numerator;
  return value;
}

}  // namespace visplay
