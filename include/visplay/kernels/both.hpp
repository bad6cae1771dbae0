// Both: two registers that go through a formula side by side. In a long chain each instruction waits for
// the one before; two chains, an instruction of each in turn, fill the time.
#pragma once

#include <visplay/core/macros.hpp>

#include <bit>
#include <type_traits>

namespace visplay {

/// T: a vector of floats or of integers.
template <class T>
struct Both {
  T a, b;
};

/// std::bit_cast, part by part of a Both.
template <class To, class From>
VISPLAY_HD inline To bits_as(const From& x) {
  if constexpr (requires { x.a; })
    return {std::bit_cast<decltype(To::a)>(x.a), std::bit_cast<decltype(To::b)>(x.b)};
  else
    return std::bit_cast<To>(x);
}

#define VISPLAY_BOTH_OPERATOR(op)                                                         \
  template <class T>                                                                      \
  inline Both<T> operator op(const Both<T>& x, const Both<T>& y) {                        \
    return {x.a op y.a, x.b op y.b};                                                      \
  }                                                                                       \
  template <class T, class Number>                                                        \
  requires std::is_arithmetic_v<Number>                                                   \
  inline Both<T> operator op(const Both<T>& x, Number y) { return {x.a op y, x.b op y}; } \
  template <class T, class Number>                                                        \
  requires std::is_arithmetic_v<Number>                                                   \
  inline Both<T> operator op(Number x, const Both<T>& y) { return {x op y.a, x op y.b}; }
VISPLAY_BOTH_OPERATOR(+)
VISPLAY_BOTH_OPERATOR(-)
VISPLAY_BOTH_OPERATOR(*)
VISPLAY_BOTH_OPERATOR(/)
VISPLAY_BOTH_OPERATOR(&)
VISPLAY_BOTH_OPERATOR(|)
VISPLAY_BOTH_OPERATOR(<<)
VISPLAY_BOTH_OPERATOR(>>)
#undef VISPLAY_BOTH_OPERATOR

}  // namespace visplay
