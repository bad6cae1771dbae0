// Numbers as people write them, read exactly: no floating point, 0.1 is 1/10.
//
//   parse_number("1,234.50")            // 2469/2
//   parse_number("1 1/2")               // 3/2, as are 1\frac{1}{2}, 3/2, 1.5 and 15e-1
//   parse_number("6.02 \\times 10^{23}")
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/text/bounded_integer.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace visplay {

/// A fraction in lowest terms with a positive denominator; invalid if it needs more than 512 bits
/// above or below the line.
struct Rational {
  BoundedInteger numerator = 0;
  BoundedInteger denominator = 1;

  [[nodiscard]] bool valid() const { return numerator.valid() && denominator.valid(); }
  friend bool operator==(const Rational&, const Rational&) = default;
};

/// In lowest terms; invalid if the denominator is 0.
[[nodiscard]] Rational fraction(const BoundedInteger& numerator, const BoundedInteger& denominator);
[[nodiscard]] Rational operator+(const Rational& a, const Rational& b);
[[nodiscard]] Rational operator*(const Rational& a, const Rational& b);
/// Appends "-3/2", or "4" for a whole number.
void append_to(std::string& text, const Rational& value);

/// Takes an unsigned decimal off text: digits with or without a point, and thousands separators
/// where they are proper (one to three digits, then groups of three: 1,234 but not 12,34). Nothing
/// is taken and nothing returned if text starts with none, or with one of more than 512 bits.
[[nodiscard]] std::optional<Rational> take_decimal(std::string_view& text, bool separators);

/// Takes \frac{3}{4} or \frac34, of whole numbers, off text; invalid if it divides by 0.
[[nodiscard]] std::optional<Rational> take_fraction(std::string_view& text);

/// The number that the whole text (blanks at the ends aside) is: a sign, then
///   a decimal         12  1,234  .5  5.
///   with an exponent  1.5e3  2E-4  3x10^5  3 * 10^{-5}  (x, *, \times, \cdot; up to 10^150)
///   a fraction        3/4  \frac{3}{4}  \frac34
///   a mixed number    1 1/2  1\frac{1}{2}  (proper: the fraction is below 1)
/// Anything else is no number.
[[nodiscard]] std::optional<Rational> parse_number(std::string_view text);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/number.ipp>
#endif
