// Quotients of polynomials over roots of primes and i, brought to one form.
#pragma once

#include <visplay/grade/algebra.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <type_traits>
#include <utility>

namespace visplay::algebra {
namespace detail {

VISPLAY_INLINE std::uint64_t multiply_modulo(std::uint64_t a, std::uint64_t b, std::uint64_t n) {
  return std::uint64_t(static_cast<unsigned __int128>(a) * b % n);
}

/// Miller-Rabin with the bases that decide every 64-bit number (Sorenson and Webster, 2015). For odd
/// n above 37.
VISPLAY_INLINE bool is_prime(std::uint64_t n) {
  int twos = 0;
  std::uint64_t odd = n - 1;
  for (; odd % 2 == 0; odd /= 2) ++twos;
  for (const std::uint64_t base : {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37}) {
    std::uint64_t x = 1;
    std::uint64_t square = base;
    for (std::uint64_t k = odd; k > 0; k /= 2, square = multiply_modulo(square, square, n))
      if (k % 2) x = multiply_modulo(x, square, n);
    bool witness = x != 1 && x != n - 1;
    for (int i = 1; i < twos && witness; ++i) {
      x = multiply_modulo(x, x, n);
      witness = x != n - 1;
    }
    if (witness) return false;
  }
  return true;
}

struct PrimePower {
  std::uint64_t prime;
  int power;
};

/// Takes the primes below 1000 out of n, by BoundedInteger or the machine's integer.
template <class Integer, class Divide>
void trial_divide(Integer& n, std::vector<PrimePower>& primes, const Divide& divided) {
  for (std::uint64_t d = 2; d < 1000; d += d == 2 ? 1 : 2) {
    if constexpr (std::is_same_v<Integer, std::uint64_t>)
      if (d * d > n) break;
    int power = 0;
    while (divided(n, d)) ++power;
    if (power > 0) primes.push_back({d, power});
  }
}

/// The primes of n >= 1. Fails where that takes more than trial division up to 1000 and one look at
/// what is left: a prime or the square of one.
VISPLAY_INLINE std::vector<PrimePower> factorise(BoundedInteger n, Work& work) {
  std::vector<PrimePower> primes;
  work.pay(n.fits_64_bits() ? 4 : 60 * n.limbs());
  if (!n.fits_64_bits())
    trial_divide(n, primes, [](BoundedInteger& rest, std::uint64_t d) {
      const auto next = divide(rest, BoundedInteger::of_magnitude(d));
      if (next.rest.is_zero()) rest = next.quotient;
      return next.rest.is_zero();
    });
  if (!n.fits_64_bits()) return work.fail(), primes;
  std::uint64_t left = n.magnitude();
  if (primes.empty())
    trial_divide(left, primes, [](std::uint64_t& rest, std::uint64_t d) {
      if (rest % d) return false;
      rest /= d;
      return true;
    });
  if (left == 1) return primes;
  work.pay(left < 1'000'000 ? 0 : 600);
  const auto root = std::uint64_t(std::llround(std::sqrt(double(left))));
  if (left < 1'000'000 || is_prime(left))
    primes.push_back({left, 1});
  else if (root < (std::uint64_t(1) << 32) && root * root == left && is_prime(root))
    primes.push_back({root, 2});
  else
    work.fail();
  return primes;
}

}  // namespace detail

// ---- atoms ----------------------------------------------------------------------------------------

VISPLAY_INLINE int Algebra::atom_id(std::string_view name, Kind kind, std::uint64_t prime) {
  const auto found =
      std::ranges::find_if(atoms_, [&](const Atom& a) { return a.kind == kind && a.name == name; });
  if (found != atoms_.end()) return int(found - atoms_.begin());
  if (atoms_.size() >= 24) return work_.fail(), 0;
  atoms_.push_back({std::string(name), kind, prime});
  return int(atoms_.size()) - 1;
}

VISPLAY_INLINE Value Algebra::factor(int atom, int power, int root) {
  Monomial single;
  algebra::multiply(single, atom, std::abs(power), root, work_);
  Value value{monomial(single), constant(1)};
  if (power < 0) std::swap(value.above, value.below);
  return value;
}

VISPLAY_INLINE Value Algebra::atom(std::string_view name, Kind kind) {
  return factor(atom_id(name, kind), 1, 1);
}

VISPLAY_INLINE Value Algebra::opaque(std::string_view name) { return atom(name, Kind::opaque); }

VISPLAY_INLINE Value Algebra::number(const Rational& value) {
  if (!value.valid()) work_.fail();
  return {constant(value.numerator), constant(value.denominator)};
}

// ---- arithmetic -----------------------------------------------------------------------------------

/// i^2 is -1, and of a root of a prime the whole powers are numbers.
VISPLAY_INLINE Polynomial Algebra::reduce_powers(Polynomial p) {
  bool changed = false;
  std::vector<Term>& terms = p.terms;
  for (Term& term : terms) {
    const Monomial before = term.monomial;
    for (const Factor& f : before.factors()) {
      const Atom& atom = atoms_[f.atom];
      const int whole = f.power / f.root;
      if (atom.kind == Kind::imaginary && f.root != 1) work_.fail();
      if (atom.kind == Kind::imaginary && whole >= 2) {
        if (whole / 2 % 2) term.coefficient = -term.coefficient;
        algebra::multiply(term.monomial, f.atom, -(whole - whole % 2), 1, work_);
        changed = true;
      } else if (atom.kind == Kind::prime && whole >= 1) {
        const auto prime = BoundedInteger::of_magnitude(atom.prime);
        term.coefficient = term.coefficient * visplay::power(prime, std::uint32_t(whole));
        algebra::multiply(term.monomial, f.atom, -whole, 1, work_);
        changed = true;
      }
    }
    if (!term.coefficient.valid()) work_.fail();
  }
  return changed ? sum_of(std::move(terms), work_) : std::move(p);
}

VISPLAY_INLINE Polynomial Algebra::product(const Polynomial& a, const Polynomial& b) {
  const bool roots = std::ranges::any_of(
      atoms_, [](const Atom& x) { return x.kind == Kind::imaginary || x.kind == Kind::prime; });
  Polynomial result = algebra::multiply(a, b, work_);
  return roots ? reduce_powers(std::move(result)) : result;
}

/// Without common divisors of all coefficients; 0 is 0/1.
VISPLAY_INLINE Value Algebra::small(Value value) {
  if (value.below.is_zero()) work_.fail();
  if (value.above.is_zero()) value.below = constant(1);
  if (value.below.is_one() || work_.failed) return value;
  BoundedInteger common = gcd(content(value.above, work_), content(value.below, work_));
  if (value.below.is_constant() && value.below.constant().negative()) common = -common;
  value.above = divide_exactly(value.above, common, work_);
  value.below = divide_exactly(value.below, common, work_);
  return value;
}

VISPLAY_INLINE Value Algebra::add(const Value& a, const Value& b) {
  if (a.below == b.below) return small({algebra::add(a.above, b.above, work_), a.below});
  return small({algebra::add(product(a.above, b.below), product(b.above, a.below), work_),
                product(a.below, b.below)});
}

VISPLAY_INLINE Value Algebra::negative(Value a) {
  a.above = algebra::negative(std::move(a.above));
  return a;
}

VISPLAY_INLINE Value Algebra::multiply(const Value& a, const Value& b) {
  return small({product(a.above, b.above), product(a.below, b.below)});
}

VISPLAY_INLINE Value Algebra::divide(const Value& a, const Value& b) {
  if (b.above.is_zero()) work_.fail();
  return multiply(a, {b.below, b.above});
}

// ---- powers ---------------------------------------------------------------------------------------

VISPLAY_INLINE Value Algebra::whole_power(const Value& base, int exponent) {
  if (base.above.is_zero() && exponent <= 0) work_.fail();
  if (std::abs(exponent) > Monomial::max_power || work_.failed) return work_.fail(), base;
  if (exponent < 0) return whole_power(divide(whole(1), base), -exponent);
  Value result = whole(1);
  Value square = base;
  for (int left = exponent; left > 0 && !work_.failed; left /= 2) {
    if (left % 2) result = multiply(result, square);
    if (left > 1) square = multiply(square, square);
  }
  return result;
}

VISPLAY_INLINE Value Algebra::prime_powers(const BoundedInteger& n, int power, int root) {
  BoundedInteger outside = 1;
  Monomial inside;
  for (const auto& [prime, times] : detail::factorise(n, work_)) {
    const auto number = BoundedInteger::of_magnitude(prime);
    outside = outside * visplay::power(number, std::uint32_t(times * power / root));
    const int rest = times * power % root;
    if (rest == 0) continue;
    std::string name;
    append_to(name, number);
    algebra::multiply(inside, atom_id(name, Kind::prime, prime), rest, root, work_);
  }
  if (!outside.valid()) work_.fail();
  return {Polynomial{{Term{inside, outside}}}, constant(1)};
}

VISPLAY_INLINE Value Algebra::term_power(const Term& term, int power, int root) {
  const bool minus = term.coefficient.negative();
  Value result = prime_powers(minus ? -term.coefficient : term.coefficient, power, root);
  if (minus && root == 2) result = multiply(result, whole_power(i(), power));
  if (minus && root % 2 == 1 && power % 2 == 1) result = negative(result);
  if (minus && root % 2 == 0 && root != 2) work_.fail();
  for (const Factor& f : term.monomial.factors())
    result = multiply(result, factor(f.atom, f.power * power, f.root * root));
  return {reduce_powers(std::move(result.above)), std::move(result.below)};
}

/// Whether (c x y)^{1/n} may be c^{1/n} x^{1/n} y^{1/n}: roots of positive constants, or of one
/// variable beside a positive number. sqrt(x^2) is not x, nor sqrt(x y) the product of two roots.
VISPLAY_INLINE bool Algebra::powers_may_split(const Term& term) const {
  int variables = 0;
  for (const Factor& f : term.monomial.factors()) {
    const Kind kind = atoms_[f.atom].kind;
    if (kind == Kind::positive || kind == Kind::prime) continue;
    if (kind == Kind::imaginary || f.power != 1 || f.root != 1) return false;
    ++variables;
  }
  return variables == 0 || (variables == 1 && !term.coefficient.negative());
}

VISPLAY_INLINE Value Algebra::rational_power(const Value& base, int power, int root) {
  if (root > 12 || work_.failed) return work_.fail(), base;
  if (power < 0) return rational_power(divide(whole(1), base), -power, root);
  const Value value = reduced(base);
  if (value.above.is_zero() || work_.failed) return value;
  const Term& above = value.above.terms[0];
  const Term& below = value.below.terms[0];
  const bool single = value.above.terms.size() == 1 && value.below.terms.size() == 1;
  if (single && powers_may_split(above) && powers_may_split(below) &&
      (above.monomial.is_one() || below.monomial.is_one()))
    return value.below.is_one()
               ? term_power(above, power, root)
               : divide(term_power(above, power, root), term_power(below, power, root));
  // (c p)^{1/n} with a positive number c: c^{1/n} times the root of what has no such factor.
  const Rational common = fraction(content(value.above, work_), content(value.below, work_));
  const Value rest = multiply(value, number(fraction(common.denominator, common.numerator)));
  const Value outside = divide(prime_powers(common.numerator, power, root),
                               prime_powers(common.denominator, power, root));
  return multiply(outside,
                  factor(atom_id("(" + spell(reduced(rest)) + ")", Kind::opaque), power, root));
}

VISPLAY_INLINE Value Algebra::power(const Value& base, const Value& exponent) {
  const Value by = is_constant(exponent) ? small(exponent) : reduced(exponent);
  if (work_.failed) return base;
  if (!is_constant(by)) return symbolic_power(base, by);
  const BoundedInteger above = by.above.constant();
  const BoundedInteger below = by.below.constant();
  if (above.magnitude() > Monomial::max_power || !above.fits_64_bits() || !below.fits_64_bits() ||
      below.magnitude() > 12)
    return work_.fail(), base;
  const int power = above.negative() ? -int(above.magnitude()) : int(above.magnitude());
  return below.is_one() ? whole_power(base, power)
                        : rational_power(base, power, int(below.magnitude()));
}

VISPLAY_INLINE Value Algebra::root(const Value& base, int degree) {
  if (degree < 1) return work_.fail(), base;
  return degree == 1 ? base : rational_power(base, 1, degree);
}

/// b^(2 x + 1) is (b^x)^2 * b: one atom for each product of atoms in the exponent.
VISPLAY_INLINE Value Algebra::symbolic_power(const Value& base, const Value& exponent) {
  if (!exponent.below.is_constant())
    return opaque("(" + spell(reduced(base)) + ")^(" + spell(exponent) + ")");
  Value result = whole(1);
  const Value root = reduced(base);
  for (const Term& term : exponent.above.terms) {
    const Rational times = fraction(term.coefficient, exponent.below.constant());
    if (!times.numerator.fits_64_bits() || times.numerator.magnitude() > Monomial::max_power ||
        !times.denominator.fits_64_bits() || times.denominator.magnitude() > 12)
      return work_.fail(), base;
    const int above = int(times.numerator.magnitude()) * (times.numerator.negative() ? -1 : 1);
    const int below = int(times.denominator.magnitude());
    result = multiply(result, term.monomial.is_one()
                                  ? power(root, number(times))
                                  : exponential(root, monomial(term.monomial), above, below));
    if (work_.failed) break;
  }
  return result;
}

/// base^(monomial * power / root).
VISPLAY_INLINE Value Algebra::exponential(const Value& base, const Polynomial& exponent, int power,
                                          int root) {
  const std::string by = "^(" + spell(exponent) + ")";
  const bool real = irrational_in(exponent) < 0 && !mentions_opaque(exponent);
  const Kind kind = real ? Kind::positive : Kind::opaque;
  if (is_constant(base) && !base.above.is_zero() && !base.above.constant().negative()) {
    Value result = whole(1);
    for (const bool above : {true, false}) {
      const BoundedInteger part = above ? base.above.constant() : base.below.constant();
      for (const auto& [prime, times] : detail::factorise(part, work_))
        result = multiply(result, factor(atom_id(std::to_string(prime) + by, kind),
                                         (above ? power : -power) * times, root));
    }
    return result;
  }
  const std::string name = spell(base);
  if (name == "e") return factor(atom_id("e" + by, kind), power, root);
  return factor(atom_id("(" + name + ")" + by, Kind::opaque), power, root);
}

// ---- functions ------------------------------------------------------------------------------------

VISPLAY_INLINE Value Algebra::logarithm_of_number(std::string_view function,
                                                  const BoundedInteger& n) {
  Value sum = whole(0);
  for (const auto& [prime, times] : detail::factorise(n, work_)) {
    const std::string name = std::string(function) + "(" + std::to_string(prime) + ")";
    sum = add(sum, multiply(whole(times), atom(name, Kind::positive)));
  }
  return sum;
}

VISPLAY_INLINE Value Algebra::logarithm(const Value& base, const Value& argument) {
  return divide(apply("ln", argument), apply("ln", base));
}

/// sin(argument + quarter_turns * pi / 2) if the angle is a multiple of pi/6 or pi/4.
VISPLAY_INLINE std::optional<Value> Algebra::sine_of_pi(const Value& argument, int quarter_turns) {
  Rational turns{0, 1};  // of pi
  if (!argument.above.is_zero()) {
    if (argument.above.terms.size() != 1 || !argument.below.is_constant()) return std::nullopt;
    const Term& term = argument.above.terms[0];
    const auto factors = term.monomial.factors();
    if (factors.size() != 1 || factors[0].power != 1 || factors[0].root != 1 ||
        atoms_[factors[0].atom].name != "pi")
      return std::nullopt;
    turns = fraction(term.coefficient, argument.below.constant());
  }
  const Rational twelfths = turns * Rational{12, 1} + Rational{6 * quarter_turns, 1};
  if (!twelfths.valid() || !twelfths.denominator.is_one()) return std::nullopt;
  const BoundedInteger rest = visplay::divide(twelfths.numerator, 24).rest;
  const int around = int(rest.magnitude()) * (rest.negative() ? -1 : 1);
  const int k = (around + 24) % 24;
  const int half = k % 12 > 6 ? 12 - k % 12 : k % 12;
  if (half == 1 || half == 5) return std::nullopt;
  const Value size =
      half == 0   ? whole(0)
      : half == 6 ? whole(1)
                  : divide(half == 2 ? whole(1) : root(whole(half == 3 ? 2 : 3), 2), whole(2));
  return k >= 12 ? negative(size) : size;
}

VISPLAY_INLINE Value Algebra::apply(std::string_view function, const Value& argument) {
  if (function == "exp") return power(e(), argument);
  if (function == "lg") return logarithm(whole(10), argument);
  const auto ratio = [&](std::string_view over, std::string_view under) {
    const Value below = apply(under, argument);
    return over.empty() ? divide(whole(1), below) : divide(apply(over, argument), below);
  };
  if (function == "tan") return ratio("sin", "cos");
  if (function == "cot") return ratio("cos", "sin");
  if (function == "sec") return ratio("", "cos");
  if (function == "csc") return ratio("", "sin");
  const Value value = reduced(argument);
  if (work_.failed) return value;
  if (function == "sin" || function == "cos")
    if (const auto exact = sine_of_pi(value, function == "cos")) return *exact;
  const bool positive =
      is_constant(value) && !value.above.is_zero() && !value.above.constant().negative();
  if (function == "abs" && is_constant(value))
    return positive || value.above.is_zero() ? value : negative(value);
  if ((function == "ln" || function == "log") && positive)
    return add(logarithm_of_number(function, value.above.constant()),
               negative(logarithm_of_number(function, value.below.constant())));
  if (function == "ln" && value.below.is_one() && spell(value) == "e") return whole(1);
  if ((function == "ln" || function == "log") && value.above.is_zero()) work_.fail();
  return opaque(std::string(function) + "(" + spell(value) + ")");
}

VISPLAY_INLINE Value Algebra::factorial(const Value& argument) {
  const Value value = reduced(argument);
  if (!is_constant(value) || !value.below.is_one()) return opaque("(" + spell(value) + ")!");
  const BoundedInteger n = value.above.constant();
  if (n.negative() || !n.fits_64_bits() || n.magnitude() > 98) return work_.fail(), value;
  BoundedInteger product = 1;
  for (int k = 2; k <= int(n.magnitude()); ++k) product = product * k;
  work_.pay(100);
  return number({product, 1});
}

VISPLAY_INLINE Value Algebra::binomial(const Value& n, const Value& k) {
  const Value top = reduced(n);
  const Value bottom = reduced(k);
  const auto small_whole = [](const Value& v) {
    return is_constant(v) && v.below.is_one() && !v.above.constant().negative() &&
           v.above.constant().fits_64_bits() && v.above.constant().magnitude() <= 128;
  };
  if (!small_whole(top) || !small_whole(bottom)) return work_.fail(), top;
  BoundedInteger choices = 1;
  const int total = int(top.above.constant().magnitude());
  const int chosen = int(bottom.above.constant().magnitude());
  work_.pay(chosen * 4);
  for (int j = 1; j <= chosen; ++j)
    choices = visplay::divide(choices * (total - chosen + j), j).quotient;
  return number({chosen <= total ? choices : BoundedInteger(0), 1});
}

// ---- the canonical form ---------------------------------------------------------------------------

/// The lowest atom of p that is i or a root of a prime; -1 if there is none.
VISPLAY_INLINE int Algebra::irrational_in(const Polynomial& p) const {
  for (const Term& term : p.terms)
    for (const Factor& f : term.monomial.factors())
      if (atoms_[f.atom].kind == Kind::imaginary || atoms_[f.atom].kind == Kind::prime)
        return f.atom;
  return -1;
}

/// Multiplies by what makes the denominator rational: p^{1-q} for p^q alone, A - B r for A + B r with
/// a square root or i. Sums with higher roots fail.
VISPLAY_INLINE void Algebra::free_denominator(Value& value) {
  for (int atom; (atom = irrational_in(value.below)) >= 0 && !work_.failed;) {
    Polynomial other = value.below;
    if (value.below.terms.size() == 1) {
      const auto factors = value.below.terms[0].monomial.factors();
      const Factor f = *std::ranges::find(factors, atom, &Factor::atom);
      const bool imaginary = atoms_[std::size_t(atom)].kind == Kind::imaginary;
      other = factor(atom, imaginary ? 1 : f.root - f.power, f.root).above;
    } else {
      for (Term& term : other.terms) {
        const auto f = std::ranges::find(term.monomial.factors(), atom, &Factor::atom);
        if (f == term.monomial.factors().end()) continue;
        if (f->power != 1 || f->root > 2) return work_.fail();
        term.coefficient = -term.coefficient;
      }
    }
    value.above = product(value.above, other);
    value.below = product(value.below, other);
    value = small(std::move(value));
  }
}

/// Divides both by what the denominator shares with every part of the numerator, a part being what
/// stands with one product of roots. Fractional exponents are made whole for it and back.
VISPLAY_INLINE void Algebra::cancel(Value& value) {
  if (value.below.is_constant() || work_.failed) return;
  std::array<int, 256> scale;
  scale.fill(1);
  for (const Polynomial* p : {&value.above, &value.below})
    for (const Term& term : p->terms)
      for (const Factor& f : term.monomial.factors())
        if (atoms_[f.atom].kind != Kind::prime)
          scale[f.atom] = std::min(255, std::lcm(scale[f.atom], int(f.root)));
  struct Part {
    Monomial roots;
    std::vector<Term> terms;
  };
  std::vector<Part> parts;
  const auto whole_exponents = [&](const Term& term, Monomial& roots) {
    Term result{{}, term.coefficient};
    for (const Factor& f : term.monomial.factors()) {
      const Kind kind = atoms_[f.atom].kind;
      if (kind == Kind::prime || kind == Kind::imaginary)
        algebra::multiply(roots, f.atom, f.power, f.root, work_);
      else
        algebra::multiply(result.monomial, f.atom, f.power * scale[f.atom], f.root, work_);
    }
    return result;
  };
  for (const Term& term : value.above.terms) {
    Monomial roots;
    const Term rest = whole_exponents(term, roots);
    auto part = std::ranges::find(parts, roots, &Part::roots);
    if (part == parts.end()) part = parts.insert(part, {roots, {}});
    part->terms.push_back(rest);
  }
  std::vector<Term> below;
  Monomial none;
  for (const Term& term : value.below.terms) below.push_back(whole_exponents(term, none));
  const Polynomial denominator = sum_of(std::move(below), work_);
  Polynomial common = denominator;
  std::vector<Polynomial> numerators;
  for (Part& part : parts) {
    numerators.push_back(sum_of(std::move(part.terms), work_));
    if (!common.is_constant()) common = gcd(common, numerators.back(), work_);
  }
  if (common.is_constant() || work_.failed) return;
  const auto back = [&](const Polynomial& p, const Monomial& roots) {
    std::vector<Term> terms;
    for (const Term& term : divide_exactly(p, common, work_).terms) {
      Term result{roots, term.coefficient};
      for (const Factor& f : term.monomial.factors())
        algebra::multiply(result.monomial, f.atom, f.power, scale[f.atom], work_);
      terms.push_back(result);
    }
    return terms;
  };
  std::vector<Term> above;
  for (std::size_t i = 0; i < parts.size(); ++i)
    for (Term& term : back(numerators[i], parts[i].roots)) above.push_back(std::move(term));
  value.above = sum_of(std::move(above), work_);
  value.below = sum_of(back(denominator, {}), work_);
}

VISPLAY_INLINE Value Algebra::reduced(Value value) {
  value = small(std::move(value));
  if (is_constant(value)) return value;
  free_denominator(value);
  cancel(value);
  value = small(std::move(value));
  if (!work_.failed) orient(value);
  return value;
}

VISPLAY_INLINE std::string Algebra::spell(const Monomial& m) const {
  std::vector<std::string> factors;
  for (const Factor& f : m.factors()) {
    std::string text = atoms_[f.atom].name;
    if (f.root != 1)
      text += "^(" + std::to_string(f.power) + "/" + std::to_string(f.root) + ")";
    else if (f.power != 1)
      text += "^" + std::to_string(f.power);
    factors.push_back(std::move(text));
  }
  std::ranges::sort(factors);
  std::string text;
  for (const std::string& factor : factors) text += (text.empty() ? "" : "*") + factor;
  return text;
}

/// Terms in the order of their spelling, which does not depend on the numbering of atoms.
VISPLAY_INLINE std::string Algebra::spell(const Polynomial& p) const {
  if (p.is_zero()) return "0";
  std::vector<std::pair<std::string, const Term*>> terms;
  for (const Term& term : p.terms) terms.emplace_back(spell(term.monomial), &term);
  std::ranges::sort(terms);
  std::string text;
  for (const auto& [name, term] : terms) {
    if (!text.empty() && !term->coefficient.negative()) text += '+';
    const bool unit = term->coefficient.is_one() || (-term->coefficient).is_one();
    if (!unit || name.empty())
      append_to(text, term->coefficient);
    else if (term->coefficient.negative())
      text += '-';
    if (!unit && !name.empty()) text += '*';
    text += name;
  }
  return text;
}

VISPLAY_INLINE bool Algebra::mentions_opaque(const Polynomial& p) const {
  for (const Term& term : p.terms)
    for (const Factor& f : term.monomial.factors())
      if (atoms_[f.atom].kind == Kind::opaque) return true;
  return false;
}

/// The term of the denominator that is spelled first is positive.
VISPLAY_INLINE void Algebra::orient(Value& value) {
  const auto leads_negative = [this](const Polynomial& p) {
    const Term* first = nullptr;
    std::string name;
    for (const Term& term : p.terms) {
      std::string spelled = spell(term.monomial);
      if (first && name <= spelled) continue;
      first = &term;
      name = std::move(spelled);
    }
    return first && first->coefficient.negative();
  };
  if (!leads_negative(value.below)) return;
  value.above = algebra::negative(std::move(value.above));
  value.below = algebra::negative(std::move(value.below));
}

VISPLAY_INLINE std::string Algebra::spell(const Value& value) const {
  if (value.below.is_one()) return spell(value.above);
  if (is_constant(value)) return spell(value.above) + "/" + spell(value.below);
  return "(" + spell(value.above) + ")/(" + spell(value.below) + ")";
}

VISPLAY_INLINE std::string Algebra::text(Value value) {
  value = reduced(std::move(value));
  if (work_.failed) return {};
  work_.pay(int(value.above.terms.size() + value.below.terms.size()) * 8);
  symbolic_ = symbolic_ || mentions_opaque(value.above) || mentions_opaque(value.below);
  return spell(value);
}

VISPLAY_INLINE std::string Algebra::text_up_to_factor(Value value, bool keep_sign) {
  value = reduced(std::move(value));
  if (work_.failed) return {};
  value.above =
      divide_exactly(value.above, value.above.is_zero() ? 1 : content(value.above, work_), work_);
  value.below = divide_exactly(value.below, content(value.below, work_), work_);
  if (!keep_sign) {
    Value upside_down{value.below, value.above};
    orient(upside_down);
    value.above = upside_down.below;
  }
  return text(std::move(value));
}

}  // namespace visplay::algebra
