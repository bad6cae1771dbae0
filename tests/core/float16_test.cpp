// Float16 against the definition of IEEE 754: (-1)^s 2^(e - 25) (1024 + m), or 2^-24 m for e = 0.
#include <visplay/core/float16.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <limits>

using namespace visplay;

namespace {

Float16 of_bits(int bits) {
  Float16 x;
  x.bits = std::uint16_t(bits);
  return x;
}

/// Of the bits of a finite number at least 0.
float value_of(int bits) {
  const int e = bits >> 10, m = bits & 1023;
  return std::ldexp(float(e == 0 ? m : 1024 + m), e == 0 ? -24 : e - 25);
}

}  // namespace

TEST_CASE("every float16 is the float that its bits mean, and comes back") {
  for (int bits = 0; bits < 0x7C00; ++bits) {
    REQUIRE(float(of_bits(bits)) == value_of(bits));
    REQUIRE(float(of_bits(bits | 0x8000)) == -value_of(bits));
    REQUIRE(Float16(value_of(bits)).bits == bits);
    REQUIRE(Float16(-value_of(bits)).bits == (bits | 0x8000));
  }
  CHECK(std::signbit(float(of_bits(0x8000))));
}

TEST_CASE("a float between two float16 goes to the nearer one, from the middle to the even one") {
  for (int bits = 0; bits < 0x7BFF; ++bits) {
    const float middle = (value_of(bits) + value_of(bits + 1)) / 2;
    REQUIRE(Float16(middle).bits == bits + (bits & 1));
    REQUIRE(Float16(std::nextafter(middle, 0.f)).bits == bits);
    REQUIRE(Float16(std::nextafter(middle, 1e9f)).bits == bits + 1);
  }
}

TEST_CASE("float16 has infinities and NaN") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  CHECK(Float16(65519.99f).bits == 0x7BFF);
  CHECK(Float16(65520.f).bits == 0x7C00);
  CHECK(Float16(-1e30f).bits == 0xFC00);
  CHECK(Float16(infinity).bits == 0x7C00);
  CHECK(float(of_bits(0x7C00)) == infinity);
  CHECK(float(of_bits(0xFC00)) == -infinity);
  CHECK(std::isnan(float(of_bits(0x7C01))));
  CHECK(std::isnan(float(Float16(std::numeric_limits<float>::quiet_NaN()))));
}
