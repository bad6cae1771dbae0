// Polynomial: sparse, in several atoms, with exact integer coefficients; what `Expression` computes
// with. An atom is whatever the caller numbers: a variable, \pi, the root of a prime, \sin x.
//
// Terms are sorted in the lexicographic order of their exponents (atom 0 first), largest first, so
// that equal polynomials have equal terms. Exponents are positive fractions: x^{1/2} is a factor like
// any other. The greatest common divisor is the primitive remainder sequence, atom by atom (Knuth,
// The Art of Computer Programming 2, 4.6.1).
//
// Every operation pays for its steps out of one Work. When that is spent, or a number outgrows 512
// bits, or a polynomial its room, `failed` is set and stays, and results mean nothing: the caller
// looks once, at the end. So time is bounded for any input.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/text/bounded_integer.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace visplay::algebra {

/// A step is about one operation on limbs, some nanoseconds.
struct Work {
  int left = 8'000;
  bool failed = false;

  void pay(int steps) {
    left -= steps;
    failed = failed || left < 0;
  }
  void fail() { failed = true; }
};

/// atom^(power / root), power > 0, lowest terms.
struct Factor {
  std::uint8_t atom = 0;
  std::uint8_t root = 1;
  std::int16_t power = 1;
  friend bool operator==(const Factor&, const Factor&) = default;
};

struct Monomial {
  static constexpr int max_factors = 6;
  static constexpr int max_power = 1000;

  std::array<Factor, max_factors> factor{};  // by rising atom
  std::uint8_t size = 0;

  [[nodiscard]] std::span<const Factor> factors() const { return {factor.data(), size}; }
  [[nodiscard]] bool is_one() const { return size == 0; }
  friend bool operator==(const Monomial&, const Monomial&) = default;
};

struct Term {
  Monomial monomial;
  BoundedInteger coefficient;  // not zero
  friend bool operator==(const Term&, const Term&) = default;
};

struct Polynomial {
  static constexpr std::size_t max_terms = 96;

  std::vector<Term> terms;

  [[nodiscard]] bool is_zero() const { return terms.empty(); }
  [[nodiscard]] bool is_constant() const {
    return terms.empty() || (terms.size() == 1 && terms[0].monomial.is_one());
  }
  [[nodiscard]] bool is_one() const {
    return terms.size() == 1 && terms[0].monomial.is_one() && terms[0].coefficient.is_one();
  }
  /// Only of a constant one.
  [[nodiscard]] BoundedInteger constant() const {
    return terms.empty() ? BoundedInteger(0) : terms[0].coefficient;
  }
  friend bool operator==(const Polynomial&, const Polynomial&) = default;
};

[[nodiscard]] Polynomial constant(const BoundedInteger& value);
/// Terms in any order, of equal monomials or zero too.
[[nodiscard]] Polynomial sum_of(std::vector<Term> terms, Work& work);
/// 1, or one factor.
[[nodiscard]] Polynomial monomial(const Monomial& factors);
/// Puts atom^(power / root) into factors; power may be negative if factors holds enough of the atom.
void multiply(Monomial& factors, int atom, int power, int root, Work& work);

[[nodiscard]] Polynomial add(const Polynomial& a, const Polynomial& b, Work& work);
[[nodiscard]] Polynomial negative(Polynomial a);
[[nodiscard]] Polynomial multiply(const Polynomial& a, const Polynomial& b, Work& work);
[[nodiscard]] Polynomial scale(const Polynomial& a, const BoundedInteger& by, Work& work);

/// Greatest common divisor of the coefficients, positive; 0 of the zero polynomial.
[[nodiscard]] BoundedInteger content(const Polynomial& a, Work& work);
[[nodiscard]] Polynomial divide_exactly(const Polynomial& a, const BoundedInteger& by, Work& work);
/// a / b where b divides a; fails if it does not. Exponents must be whole.
[[nodiscard]] Polynomial divide_exactly(const Polynomial& a, const Polynomial& b, Work& work);
/// Up to its sign. Exponents must be whole.
[[nodiscard]] Polynomial gcd(const Polynomial& a, const Polynomial& b, Work& work);

}  // namespace visplay::algebra

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/grade/polynomial.ipp>
#endif
