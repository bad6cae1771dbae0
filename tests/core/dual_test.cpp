#include <visplay/core/dual.hpp>
#include <visplay/core/pack.hpp>
#include <visplay/core/rng.hpp>

#include <tests/conformance/moved.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

using namespace visplay;
using visplay::testing::central_difference;
using visplay::testing::Moved;
using visplay::testing::relative_difference;
using Number = Dual<double>;

namespace {

/// Derivative by Dual against central differences, at points of (low, high).
template <class Of>
void agrees(const char* name, const Of& of, double low, double high) {
  CAPTURE(name);
  Rng rng(7);
  for (int k = 0; k < 100; ++k) {
    const double x = rng.uniform(low, high), slope = central_difference(of, x);
    if (std::isnan(slope)) continue;  // a kink
    CHECK(relative_difference(of(variable(x)).derivative, slope) < 1e-8);
    CHECK(relative_difference(of(variable(x)).value, of(Moved(x, x)).base) < 1e-14);
  }
}

}  // namespace

TEST_CASE("every function of dual numbers has the derivative of central differences") {
  agrees(
      "arithmetic", [](const auto& x) { return (x * x - x) + -x * x * x; }, -3, 3);
  agrees(
      "quotient", [](const auto& x) { return (x * x - x) / (x * x + x + x / x); }, 0.1, 3);
  agrees(
      "exp", [](const auto& x) { return exp(x); }, -5, 5);
  agrees(
      "log", [](const auto& x) { return log(x); }, 0.05, 5);
  agrees(
      "log1p", [](const auto& x) { return log1p(x); }, -0.9, 5);
  agrees(
      "sqrt", [](const auto& x) { return sqrt(x); }, 0.05, 5);
  agrees(
      "square", [](const auto& x) { return square(x); }, -3, 3);
  agrees(
      "abs", [](const auto& x) { return abs(x); }, -3, 3);
  agrees(
      "sign", [](const auto& x) { return sign(x); }, -3, 3);
  agrees(
      "min", [](const auto& x) { return min(x, x * x); }, -3, 3);
  agrees(
      "max", [](const auto& x) { return max(x, x * x); }, -3, 3);
  agrees(
      "clamp", [](const auto& x) { return clamp(x * x, 0.5f, 2.f); }, -3, 3);
  agrees(
      "select", [](const auto& x) { return select(x < x * x, exp(x), -x); }, -3, 3);
  agrees(
      "sigmoid", [](const auto& x) { return sigmoid(x); }, -10, 10);
  agrees(
      "softplus", [](const auto& x) { return softplus(x); }, -10, 10);
  agrees(
      "detach", [](const auto& x) { return detach(exp(x)) * x; }, -3, 3);
}

TEST_CASE("a detached number keeps its value and loses its derivative") {
  const Number x = detach(variable(2.) * variable(3.));
  CHECK(x.value == 6);
  CHECK(x.derivative == 0);
}

TEST_CASE("at a tie min and max take the second, a clamp keeps its derivative at the bounds") {
  const Number a(1., 2.), b(1., 3.);
  CHECK(min(a, b).derivative == 3);
  CHECK(max(a, b).derivative == 3);
  CHECK(clamp(a, 1.f, 2.f).derivative == 2);
  CHECK(clamp(a, 0.f, 1.f).derivative == 2);
  CHECK(abs(Number(0., 1.)).derivative == 0);
}

TEST_CASE("sigmoid and softplus do not overflow") {
  for (const double x : {-1e4, -800., 800., 1e4}) {
    CHECK(std::isfinite(sigmoid(variable(x)).value));
    CHECK(std::isfinite(sigmoid(variable(x)).derivative));
    CHECK(std::isfinite(softplus(variable(x)).value));
  }
  CHECK(softplus(variable(1e4)).value == 1e4);
  CHECK(softplus(variable(0.)).derivative == 0.5);
  CHECK(softplus(variable(-40.)).value > 0);
}

TEST_CASE("dual packs do what dual doubles do, lane by lane") {
  const auto formula = [](const auto& x) {
    using T = std::decay_t<decltype(x)>;
    const T y = log1p(sigmoid(x)) + sqrt(softplus(x)) / (abs(x) + T(1.f)) + log(exp(x) + T(2.f));
    return select(x < T(0.f), y * sign(x), max(y, clamp(x, -1.f, 1.f)));
  };
  Rng rng(8);
  for (int k = 0; k < 50; ++k) {
    Pack x;
    for (int lane = 0; lane < Pack::lanes; ++lane) x[lane] = float(rng.uniform(-4, 4));
    const auto together = formula(variable(x));
    for (int lane = 0; lane < Pack::lanes; ++lane) {
      const auto alone = formula(variable(double(x[lane])));
      CHECK(relative_difference(together.value[lane], alone.value) < 2e-6);
      CHECK(relative_difference(together.derivative[lane], alone.derivative) < 2e-6);
    }
  }
}
