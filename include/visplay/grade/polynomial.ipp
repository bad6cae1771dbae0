// Merging sorted terms; division and greatest common divisors atom by atom.
#pragma once

#include <visplay/grade/polynomial.hpp>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <numeric>

namespace visplay::algebra {
namespace detail {

/// Whether a comes before b: the lexicographic order of exponents, larger first.
VISPLAY_INLINE bool before(const Monomial& a, const Monomial& b) {
  const int shared = std::min(a.size, b.size);
  for (int i = 0; i < shared; ++i) {
    const Factor& x = a.factor[std::size_t(i)];
    const Factor& y = b.factor[std::size_t(i)];
    if (x.atom != y.atom) return x.atom < y.atom;
    const int left = x.power * y.root;
    const int right = y.power * x.root;
    if (left != right) return left > right;
  }
  return a.size > b.size;
}

VISPLAY_INLINE Monomial product(const Monomial& a, const Monomial& b, Work& work) {
  if (a.size == 0) return b;
  Monomial result = a;
  for (const Factor& f : b.factors()) multiply(result, f.atom, f.power, f.root, work);
  return result;
}

VISPLAY_INLINE Polynomial product_of_terms(const Term& a, const Term& b, Work& work) {
  work.pay(8 + a.coefficient.limbs() * b.coefficient.limbs());
  Polynomial result{{Term{product(a.monomial, b.monomial, work), a.coefficient * b.coefficient}}};
  if (!result.terms[0].coefficient.valid()) work.fail();
  return result;
}

/// The power of an atom in the terms' first factor; terms with one power stand together if it is the
/// lowest atom.
VISPLAY_INLINE int leading_power(const Term& term, int atom) {
  const bool there = term.monomial.size > 0 && term.monomial.factor[0].atom == atom;
  return there ? term.monomial.factor[0].power : 0;
}

VISPLAY_INLINE int degree(const Polynomial& p, int atom) {
  return p.is_zero() ? -1 : leading_power(p.terms[0], atom);
}

/// The terms from `begin` on that share their power of the lowest atom, without it.
VISPLAY_INLINE Polynomial coefficient_at(const Polynomial& p, int atom, std::size_t& begin) {
  Polynomial part;
  const int power = leading_power(p.terms[begin], atom);
  for (; begin < p.terms.size() && leading_power(p.terms[begin], atom) == power; ++begin) {
    Term term = p.terms[begin];
    if (power > 0) {
      std::copy(term.monomial.factor.begin() + 1, term.monomial.factor.end(),
                term.monomial.factor.begin());
      term.monomial.factor[--term.monomial.size] = Factor{};
    }
    part.terms.push_back(term);
  }
  return part;
}

/// Greatest common divisor of the coefficients of the powers of the lowest atom.
VISPLAY_INLINE Polynomial content_in(const Polynomial& p, int atom, Work& work) {
  Polynomial common;
  for (std::size_t at = 0; at < p.terms.size() && !work.failed;) {
    const Polynomial part = coefficient_at(p, atom, at);
    common = gcd(common, part, work);
    if (common.is_one()) break;
  }
  return common;
}

/// lc(b)^k a mod b in the lowest atom, by as many steps as it takes.
VISPLAY_INLINE Polynomial pseudo_remainder(Polynomial a, const Polynomial& b, int atom,
                                           Work& work) {
  std::size_t at = 0;
  const Polynomial lead = coefficient_at(b, atom, at);
  while (!work.failed && degree(a, atom) >= degree(b, atom)) {
    std::size_t first = 0;
    Polynomial factor = coefficient_at(a, atom, first);
    Monomial shift;
    const int power = degree(a, atom) - degree(b, atom);
    if (power > 0) multiply(shift, atom, power, 1, work);
    factor = multiply(factor, monomial(shift), work);
    a = add(multiply(a, lead, work), negative(multiply(factor, b, work)), work);
  }
  return a;
}

VISPLAY_INLINE int lowest_atom(const Polynomial& a, const Polynomial& b) {
  int lowest = 256;
  for (const Polynomial* p : {&a, &b})
    for (const Term& term : p->terms)
      if (term.monomial.size > 0) lowest = std::min<int>(lowest, term.monomial.factor[0].atom);
  return lowest;
}

/// a with the factors of b taken out, in place; false if b does not divide it.
VISPLAY_INLINE bool divide_monomial(Monomial& a, const Monomial& b, Work& work) {
  for (const Factor& f : b.factors()) {
    const auto held = std::ranges::find(a.factors(), f.atom, &Factor::atom);
    if (held == a.factors().end() || held->power * f.root < f.power * held->root) return false;
    multiply(a, f.atom, -f.power, f.root, work);
  }
  return true;
}

}  // namespace detail

VISPLAY_INLINE Polynomial sum_of(std::vector<Term> terms, Work& work) {
  std::ranges::sort(terms, detail::before, &Term::monomial);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < terms.size();) {
    Term sum = terms[i++];
    for (; i < terms.size() && terms[i].monomial == sum.monomial; ++i)
      sum.coefficient = sum.coefficient + terms[i].coefficient;
    if (!sum.coefficient.valid()) work.fail();
    if (!sum.coefficient.is_zero()) terms[kept++] = sum;
  }
  terms.resize(kept);
  if (kept > Polynomial::max_terms) work.fail();
  return {std::move(terms)};
}

VISPLAY_INLINE Polynomial constant(const BoundedInteger& value) {
  Polynomial result;
  if (!value.is_zero()) result.terms.push_back({{}, value});
  return result;
}

VISPLAY_INLINE Polynomial monomial(const Monomial& factors) {
  Polynomial result;
  result.terms.push_back({factors, 1});
  return result;
}

VISPLAY_INLINE void multiply(Monomial& factors, int atom, int power, int root, Work& work) {
  const auto end = factors.factor.begin() + factors.size;
  const auto at = std::lower_bound(factors.factor.begin(), end, atom,
                                   [](const Factor& f, int sought) { return f.atom < sought; });
  int above = power;
  int below = root;
  if (at != end && at->atom == atom) {
    above = power * at->root + at->power * root;
    below = root * at->root;
  }
  const int common = std::gcd(std::abs(above), below);
  above /= common;
  below /= common;
  if (above < 0 || above > Monomial::max_power || below > 255) return work.fail();
  if (at != end && at->atom == atom) {
    if (above > 0) {
      *at = {std::uint8_t(atom), std::uint8_t(below), std::int16_t(above)};
    } else {
      std::copy(at + 1, end, at);
      factors.factor[--factors.size] = Factor{};
    }
  } else if (above > 0) {
    if (factors.size == Monomial::max_factors) return work.fail();
    std::copy_backward(at, end, end + 1);
    *at = {std::uint8_t(atom), std::uint8_t(below), std::int16_t(above)};
    ++factors.size;
  }
}

VISPLAY_INLINE Polynomial add(const Polynomial& a, const Polynomial& b, Work& work) {
  if (a.is_zero()) return b;
  if (b.is_zero()) return a;
  work.pay(int(a.terms.size() + b.terms.size()) * 2);
  if (work.failed) return {};
  std::vector<Term> terms;
  terms.reserve(a.terms.size() + b.terms.size());
  std::ranges::merge(a.terms, b.terms, std::back_inserter(terms), detail::before, &Term::monomial,
                     &Term::monomial);
  return sum_of(std::move(terms), work);
}

VISPLAY_INLINE Polynomial negative(Polynomial a) {
  for (Term& term : a.terms) term.coefficient = -term.coefficient;
  return a;
}

VISPLAY_INLINE Polynomial multiply(const Polynomial& a, const Polynomial& b, Work& work) {
  if (a.is_one()) return b;
  if (b.is_one()) return a;
  if (a.terms.size() == 1 && b.terms.size() == 1)
    return detail::product_of_terms(a.terms[0], b.terms[0], work);
  int limbs = 1;
  for (const Polynomial* p : {&a, &b})
    for (const Term& term : p->terms) limbs = std::max(limbs, term.coefficient.limbs());
  work.pay(int(a.terms.size() * b.terms.size()) * (8 + limbs * limbs / 2));
  if (work.failed) return {};
  std::vector<Term> terms;
  terms.reserve(a.terms.size() * b.terms.size());
  for (const Term& x : a.terms)
    for (const Term& y : b.terms) {
      terms.push_back(
          {detail::product(x.monomial, y.monomial, work), x.coefficient * y.coefficient});
      if (!terms.back().coefficient.valid()) work.fail();
    }
  if (work.failed) return {};
  return sum_of(std::move(terms), work);
}

VISPLAY_INLINE Polynomial scale(const Polynomial& a, const BoundedInteger& by, Work& work) {
  return by.is_one() ? a : multiply(a, constant(by), work);
}

VISPLAY_INLINE BoundedInteger content(const Polynomial& a, Work& work) {
  BoundedInteger common;
  for (const Term& term : a.terms) {
    work.pay(2 + term.coefficient.limbs() * common.limbs() * 8);
    common = visplay::gcd(common, term.coefficient);
    if (common.is_one() || work.failed) break;
  }
  return common;
}

VISPLAY_INLINE Polynomial divide_exactly(const Polynomial& a, const BoundedInteger& by,
                                         Work& work) {
  if (by.is_one()) return a;
  Polynomial result = a;
  for (Term& term : result.terms) {
    work.pay(2 + term.coefficient.limbs() * by.limbs());
    const auto [quotient, rest] = divide(term.coefficient, by);
    if (!rest.is_zero() || !rest.valid()) work.fail();
    term.coefficient = quotient;
  }
  return result;
}

VISPLAY_INLINE Polynomial divide_exactly(const Polynomial& a, const Polynomial& b, Work& work) {
  if (b.is_zero()) work.fail();
  if (b.is_one() || work.failed) return a;
  Polynomial quotient;
  Polynomial rest = a;
  while (!rest.is_zero() && !work.failed) {
    Term next = rest.terms[0];
    const auto [value, remainder] = divide(next.coefficient, b.terms[0].coefficient);
    if (!remainder.is_zero() || !detail::divide_monomial(next.monomial, b.terms[0].monomial, work))
      work.fail();
    if (work.failed) break;
    next.coefficient = value;
    quotient.terms.push_back(next);
    const Polynomial part{{next}};
    rest = add(rest, negative(multiply(part, b, work)), work);
  }
  return quotient;
}

VISPLAY_INLINE Polynomial gcd(const Polynomial& a, const Polynomial& b, Work& work) {
  work.pay(4);
  if (work.failed) return {};
  if (a.is_zero()) return b;
  if (b.is_zero()) return a;
  const int atom = detail::lowest_atom(a, b);
  if (atom == 256) return constant(visplay::gcd(a.constant(), b.constant()));
  const Polynomial content_a = detail::content_in(a, atom, work);
  const Polynomial content_b = detail::content_in(b, atom, work);
  const Polynomial common = gcd(content_a, content_b, work);
  if (detail::degree(a, atom) == 0 || detail::degree(b, atom) == 0) return common;
  Polynomial x = divide_exactly(a, content_a, work);
  Polynomial y = divide_exactly(b, content_b, work);
  if (detail::degree(x, atom) < detail::degree(y, atom)) std::swap(x, y);
  while (!work.failed) {
    Polynomial rest = detail::pseudo_remainder(x, y, atom, work);
    if (rest.is_zero()) return multiply(common, y, work);
    if (detail::degree(rest, atom) == 0) return common;
    x = std::move(y);
    y = divide_exactly(rest, detail::content_in(rest, atom, work), work);
  }
  return {};
}

}  // namespace visplay::algebra
