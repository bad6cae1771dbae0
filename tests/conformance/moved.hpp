// Moved: a number with a base value and a moved one, computed side by side, for central differences of
// formulas that stop gradients: `detach` puts the moved value back to the base. It shares no code with
// Dual, so that a derivative can be checked against it.
#pragma once

#include <algorithm>
#include <cmath>

namespace visplay::testing {

struct Moved {
  double base = 0, moved = 0;

  Moved() = default;
  Moved(float constant) : base(constant), moved(constant) {}
  Moved(double base, double moved) : base(base), moved(moved) {}

  struct Mask {
    bool base, moved;
  };
  friend Moved operator-(const Moved& a) { return {-a.base, -a.moved}; }
  friend Moved operator+(const Moved& a, const Moved& b) {
    return {a.base + b.base, a.moved + b.moved};
  }
  friend Moved operator-(const Moved& a, const Moved& b) {
    return {a.base - b.base, a.moved - b.moved};
  }
  friend Moved operator*(const Moved& a, const Moved& b) {
    return {a.base * b.base, a.moved * b.moved};
  }
  friend Moved operator/(const Moved& a, const Moved& b) {
    return {a.base / b.base, a.moved / b.moved};
  }
  friend Mask operator<(const Moved& a, const Moved& b) {
    return {a.base < b.base, a.moved < b.moved};
  }
  friend Moved select(const Mask& where, const Moved& yes, const Moved& no) {
    return {where.base ? yes.base : no.base, where.moved ? yes.moved : no.moved};
  }
  friend Moved detach(const Moved& a) { return {a.base, a.base}; }
  friend Moved exp(const Moved& a) { return {std::exp(a.base), std::exp(a.moved)}; }
  friend Moved log(const Moved& a) { return {std::log(a.base), std::log(a.moved)}; }
  friend Moved log1p(const Moved& a) { return {std::log1p(a.base), std::log1p(a.moved)}; }
  friend Moved sqrt(const Moved& a) { return {std::sqrt(a.base), std::sqrt(a.moved)}; }
  friend Moved square(const Moved& a) { return a * a; }
  friend Moved abs(const Moved& a) { return {std::abs(a.base), std::abs(a.moved)}; }
  friend Moved sign(const Moved& a) {
    const auto of = [](double x) { return double(x > 0) - double(x < 0); };
    return {of(a.base), of(a.moved)};
  }
  friend Moved min(const Moved& a, const Moved& b) {
    return {std::min(a.base, b.base), std::min(a.moved, b.moved)};
  }
  friend Moved max(const Moved& a, const Moved& b) {
    return {std::max(a.base, b.base), std::max(a.moved, b.moved)};
  }
  friend Moved clamp(const Moved& a, float low, float high) {
    return {std::clamp(a.base, double(low), double(high)),
            std::clamp(a.moved, double(low), double(high))};
  }
  friend Moved sigmoid(const Moved& a) {
    const auto of = [](double x) { return 1 / (1 + std::exp(-x)); };
    return {of(a.base), of(a.moved)};
  }
  friend Moved softplus(const Moved& a) {
    const auto of = [](double x) { return std::max(x, 0.) + std::log1p(std::exp(-std::abs(x))); };
    return {of(a.base), of(a.moved)};
  }
};

/// The derivative of `of` at x by central differences, with `of(Moved)` -> Moved. NaN at a kink: where
/// the slopes on both sides disagree.
template <class Of>
double central_difference(const Of& of, double x, double step = 1e-5) {
  const auto value = [&](double by) { return of(Moved(x, x + by)).moved; };
  const double here = value(0), left = (here - value(-step)) / step,
               right = (value(step) - here) / step;
  if (std::abs(left - right) > 1e-3 * (1 + std::abs(left) + std::abs(right))) return NAN;
  const double near = (value(step) - value(-step)) / (2 * step);
  const double far = (value(2 * step) - value(-2 * step)) / (4 * step);
  return (4 * near - far) / 3;  // the error in step^2 cancels
}

/// |a - b| in units of 1 + |b|.
inline double relative_difference(double a, double b) {
  return std::abs(a - b) / (1 + std::abs(b));
}

}  // namespace visplay::testing
