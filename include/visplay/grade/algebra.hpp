// Algebra: exact arithmetic on what a mathematical expression stands for, and the one text that equal
// values share.
//
//   Work work;
//   Algebra algebra(work);
//   const Value root = algebra.root(algebra.whole(8), 2);            // 2 * 2^(1/2)
//   algebra.text(algebra.divide(algebra.whole(1), root));            // "(2^(1/2))/(4)"
//
// A value is a quotient of two polynomials in atoms. The text is canonical for the field of rational
// functions of the variables, \pi, e and powers of e and of primes to symbolic exponents over the
// rational numbers with i and the roots of primes: products of such roots with exponents below 1 are
// linearly independent (Besicovitch, 1940), so a sum of them has one form; a denominator is freed of
// i and of square roots, then of what it shares with every part of the numerator. Logarithms are
// taken apart into those of primes, sines at multiples of \pi/6 and \pi/4 are roots. Whatever else
// there is (\sin x, roots of sums, factorials of variables) is an atom named after the canonical text
// of its argument; a text that holds one is `symbolic`: equal texts are equal values, unequal ones may
// be too. Nothing is ever rounded.
#pragma once

#include <visplay/grade/polynomial.hpp>
#include <visplay/text/number.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace visplay::algebra {

struct Value {
  Polynomial above, below;
  friend bool operator==(const Value&, const Value&) = default;
};

class Algebra {
 public:
  explicit Algebra(Work& work) : work_(work) {}

  [[nodiscard]] Value number(const Rational& value);
  [[nodiscard]] Value whole(std::int64_t value) { return number({value, 1}); }
  [[nodiscard]] Value variable(std::string_view name) { return atom(name, Kind::variable); }
  [[nodiscard]] Value pi() { return atom("pi", Kind::positive); }
  [[nodiscard]] Value e() { return atom("e", Kind::positive); }
  [[nodiscard]] Value i() { return atom("i", Kind::imaginary); }

  [[nodiscard]] Value add(const Value& a, const Value& b);
  [[nodiscard]] Value negative(Value a);
  [[nodiscard]] Value multiply(const Value& a, const Value& b);
  [[nodiscard]] Value divide(const Value& a, const Value& b);  ///< fails if b is 0
  /// Odd roots of negative numbers are real: (-8)^{1/3} = -2. 0^0 fails.
  [[nodiscard]] Value power(const Value& base, const Value& exponent);
  [[nodiscard]] Value root(const Value& base, int degree);
  /// sin, cos, tan, cot, sec, csc, arcsin, ..., sinh, ..., exp, ln, log, lg, abs; what is not known of
  /// it stays an atom.
  [[nodiscard]] Value apply(std::string_view function, const Value& argument);
  [[nodiscard]] Value logarithm(const Value& base, const Value& argument);
  [[nodiscard]] Value factorial(const Value& argument);
  [[nodiscard]] Value binomial(const Value& n, const Value& k);

  /// The canonical text; without meaning if work has failed.
  [[nodiscard]] std::string text(Value value);
  /// The same of an equation value = 0 or an inequality value < 0: up to a factor that leaves it as
  /// it is (positive if keep_sign).
  [[nodiscard]] std::string text_up_to_factor(Value value, bool keep_sign);
  /// Whether a text so far held an atom that is not fully understood.
  [[nodiscard]] bool symbolic() const { return symbolic_; }
  [[nodiscard]] static bool is_constant(const Value& value) {
    return value.above.is_constant() && value.below.is_constant();
  }

 private:
  enum class Kind { variable, positive, imaginary, prime, opaque };
  struct Atom {
    std::string name;
    Kind kind;
    std::uint64_t prime;  // of Kind::prime
  };

  int atom_id(std::string_view name, Kind kind, std::uint64_t prime = 0);
  Value atom(std::string_view name, Kind kind);
  Value factor(int atom, int power, int root);
  Value opaque(std::string_view name);
  Polynomial reduce_powers(Polynomial p);
  Polynomial product(const Polynomial& a, const Polynomial& b);
  Value small(Value value);
  Value whole_power(const Value& base, int exponent);
  Value rational_power(const Value& base, int power, int root);
  Value prime_powers(const BoundedInteger& n, int power, int root);
  Value term_power(const Term& term, int power, int root);
  Value symbolic_power(const Value& base, const Value& exponent);
  Value exponential(const Value& base, const Polynomial& monomial, int power, int root);
  Value logarithm_of_number(std::string_view function, const BoundedInteger& n);
  std::optional<Value> sine_of_pi(const Value& argument, int quarter_turns);
  bool powers_may_split(const Term& term) const;
  int irrational_in(const Polynomial& p) const;
  void free_denominator(Value& value);
  void cancel(Value& value);
  Value reduced(Value value);
  std::string spell(const Value& value) const;
  std::string spell(const Polynomial& p) const;
  std::string spell(const Monomial& m) const;
  bool mentions_opaque(const Polynomial& p) const;
  void orient(Value& value);

  Work& work_;
  std::vector<Atom> atoms_;
  bool symbolic_ = false;
};

}  // namespace visplay::algebra

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/grade/algebra.ipp>
#endif
