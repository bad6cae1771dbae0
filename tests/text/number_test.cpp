#include <visplay/text/bounded_integer.hpp>
#include <visplay/text/measure.hpp>
#include <visplay/text/number.hpp>
#include <visplay/text/plain_answer.hpp>

#include <visplay/core/rng.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace visplay;

namespace {

std::string digits(const BoundedInteger& value) {
  std::string text;
  append_to(text, value);
  return text;
}

std::string number(std::string_view text) {
  const auto value = parse_number(text);
  std::string spelled;
  if (value) append_to(spelled, *value);
  return value ? spelled : "none";
}

BoundedInteger random_integer(Rng& rng, int limbs) {
  BoundedInteger value;
  for (int i = 0; i < limbs; ++i)
    value = value * (std::int64_t(1) << 32) +
            BoundedInteger::of_magnitude(rng.chance(0.2) ? 0xffffffffu : rng.below(1ull << 32));
  return rng.chance(0.5) ? -value : value;
}

}  // namespace

TEST_CASE("a product divides into its factors, and a = q b + r with |r| < |b|") {
  Rng rng(1);
  for (int i = 0; i < 20'000; ++i) {
    const BoundedInteger a = random_integer(rng, 1 + int(rng.below(16)));
    const BoundedInteger b = random_integer(rng, 1 + int(rng.below(8)));
    if (b.is_zero()) continue;
    const auto [quotient, rest] = divide(a, b);
    const BoundedInteger rest_size = rest.negative() ? -rest : rest;
    const BoundedInteger b_size = b.negative() ? -b : b;
    const bool right = quotient * b + rest == a && (rest_size - b_size).negative();
    if (!right) FAIL_CHECK(digits(a) << " / " << digits(b));
  }
}

TEST_CASE("sums and products of 64-bit numbers are the machine's") {
  Rng rng(2);
  for (int i = 0; i < 20'000; ++i) {
    const auto a = std::int64_t(rng.below(1ull << 40)) - (1ll << 39);
    const auto b = std::int64_t(rng.below(1ull << 20)) - (1ll << 19);
    const bool right = digits(BoundedInteger(a) + b) == std::to_string(a + b) &&
                       digits(BoundedInteger(a) - b) == std::to_string(a - b) &&
                       digits(BoundedInteger(a) * b) == std::to_string(a * b);
    if (!right) FAIL_CHECK(a << ' ' << b);
  }
}

TEST_CASE("what does not fit 512 bits is invalid, and so is all that it enters") {
  const BoundedInteger largest = power(BoundedInteger(2), 511);
  CHECK(largest.valid());
  CHECK_FALSE((largest * 2).valid());
  CHECK_FALSE((largest + largest).valid());
  CHECK_FALSE((largest * 2 + 1).valid());
  CHECK_FALSE(power(BoundedInteger(10), 1'000'000'000).valid());
  CHECK_FALSE(divide(largest, 0).quotient.valid());
  // 2^511, as Python prints 1 << 511
  CHECK(digits(largest).size() == 154);
  CHECK(digits(largest).starts_with(
      "6703903964971298549787012499102923063739682910296196688861780721"));
  CHECK(digits(-power(BoundedInteger(10), 40)) == "-1" + std::string(40, '0'));
}

TEST_CASE("numbers are read exactly") {
  CHECK(number("1,234.50") == "2469/2");
  CHECK(number("-.5") == "-1/2");
  CHECK(number("5.") == "5");
  CHECK(number("1 1/2") == "3/2");
  CHECK(number("1\\frac12") == "3/2");
  CHECK(number("-2\\frac{3}{4}") == "-11/4");
  CHECK(number("6/8") == "3/4");
  CHECK(number("6.02 \\times 10^{23}") == "602" + std::string(21, '0'));
  CHECK(number("3x10^-2") == "3/100");
  CHECK(number("0.1") == "1/10");
  for (const char* none : {"", "-", "1,23", "1,2345", "1 2", "1 5/3", "1/0", "1/2/3", "--1", "1e",
                           "1e151", "x", "0x10", "1.2.3", "1_000", "inf", "nan", "5 cm"}) {
    INFO(none);
    CHECK(number(none) == "none");
  }
}

TEST_CASE("the markup comes off an answer") {
  CHECK(plain_answer("$\\left(\\dfrac{1}{2},\\,3\\right)$.") == "(\\frac{1}{2}, 3)");
  CHECK(plain_answer("**\\text{Yes}**") == "Yes");
  CHECK(plain_answer("\\boxed{\\mathrm{A}}") == "A");
  CHECK(plain_answer("x² − 1") == "x^{2} - 1");
  CHECK(plain_answer("10\\,000") == "10000");
  CHECK(plain_answer("1{,}234") == "1,234");
  CHECK(plain_answer("\\$5") == "$5");
  CHECK(plain_answer("$x=1$ or $x=2$") == "x=1 or x=2");
  CHECK(plain_answer("30^{\\circ}") == "30°");
  CHECK(plain_answer("5\\,\\mathrm{~kg}") == "5 \\text{kg}");
  CHECK(plain_answer("\\\\frac{1}{2}") == "\\frac{1}{2}");
  CHECK(plain_answer("  a \n b ") == "a b");
}

TEST_CASE("units end a number and words do not") {
  const MeasurePolicy kept{.units = MeasurePolicy::Units::kept};
  const auto read = [&](std::string_view text) {
    const Measure m = take_measure(text, kept);
    std::string factor;
    append_to(factor, m.factor);
    return std::string(m.value) + " | " + factor + " | " + m.unit;
  };
  CHECK(read("50 cm") == "50 | 1/100 | m");
  CHECK(read("5m") == "5m | 1 | ");
  CHECK(read("3 km per hour") == "3 | 5/18 | m*s^-1");
  CHECK(read("5\\text{cm}^2") == "5 | 1/10000 | m^2");
  CHECK(read("2.5 million dollars") == "2.5 | 1000000 | $");
  CHECK(read("-$5") == "5 | -1 | $");
  CHECK(read("5 apples") == "5 apples | 1 | ");
  CHECK(read("red m") == "red m | 1 | ");
}
