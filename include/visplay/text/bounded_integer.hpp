// BoundedInteger: an exact integer of at most 512 bits (154 digits) without heap memory. What does
// not fit is `invalid` and makes every result that it enters invalid, as NaN does: one check at the
// end of a computation is enough, and no input can make it large.
//
//   const auto [quotient, rest] = divide(power(BoundedInteger(10), 20), 7);
//
// Schoolbook arithmetic on 32-bit limbs; the greatest common divisor is Euclid's. One or two limbs
// take short cuts through the machine's own integers.
#pragma once

#include <visplay/core/macros.hpp>

#include <compare>
#include <cstdint>
#include <string>

namespace visplay {

class BoundedInteger {
 public:
  static constexpr int max_limbs = 16;

  constexpr BoundedInteger(std::int64_t value = 0)
      : BoundedInteger(value < 0 ? 0 - std::uint64_t(value) : std::uint64_t(value), value < 0) {}
  static constexpr BoundedInteger of_magnitude(std::uint64_t magnitude) {
    return {magnitude, false};
  }
  static constexpr BoundedInteger invalid() {
    BoundedInteger none;
    none.size_ = -1;
    return none;
  }

  [[nodiscard]] constexpr bool valid() const { return size_ >= 0; }
  [[nodiscard]] constexpr bool is_zero() const { return size_ == 0; }
  [[nodiscard]] constexpr bool negative() const { return negative_; }
  [[nodiscard]] constexpr bool is_one() const { return size_ == 1 && limb_[0] == 1 && !negative_; }
  [[nodiscard]] constexpr bool odd() const { return size_ > 0 && (limb_[0] & 1u); }
  /// Limbs in use, at least 1: what an operation on it costs.
  [[nodiscard]] constexpr int limbs() const { return size_ > 0 ? size_ : 1; }
  [[nodiscard]] constexpr bool fits_64_bits() const { return 0 <= size_ && size_ <= 2; }
  /// The magnitude; only if fits_64_bits().
  [[nodiscard]] constexpr std::uint64_t magnitude() const {
    return (size_ > 0 ? limb_[0] : 0) | (size_ > 1 ? std::uint64_t(limb_[1]) << 32 : 0);
  }

  constexpr BoundedInteger operator-() const {
    BoundedInteger result = *this;
    result.negative_ = size_ > 0 && !negative_;
    return result;
  }
  friend BoundedInteger operator+(const BoundedInteger& a, const BoundedInteger& b);
  friend BoundedInteger operator-(const BoundedInteger& a, const BoundedInteger& b) {
    return a + -b;
  }
  friend BoundedInteger operator*(const BoundedInteger& a, const BoundedInteger& b);
  friend constexpr bool operator==(const BoundedInteger& a, const BoundedInteger& b) {
    if (a.size_ != b.size_ || a.negative_ != b.negative_) return false;
    for (int i = 0; i < a.size_; ++i)
      if (a.limb_[i] != b.limb_[i]) return false;
    return true;
  }

  struct Division;
  /// Quotient towards zero and the rest with the sign of a. Both are invalid if b is 0.
  friend Division divide(const BoundedInteger& a, const BoundedInteger& b);

 private:
  constexpr BoundedInteger(std::uint64_t magnitude, bool negative)
      : limb_{std::uint32_t(magnitude), std::uint32_t(magnitude >> 32)},
        size_(std::int8_t(magnitude >> 32 ? 2
                          : magnitude     ? 1
                                          : 0)),
        negative_(negative) {}
  static int compare_magnitudes(const BoundedInteger& a, const BoundedInteger& b);
  static BoundedInteger add_magnitudes(const BoundedInteger& a, const BoundedInteger& b);
  static BoundedInteger subtract_magnitudes(const BoundedInteger& a, const BoundedInteger& b);
  static Division divide_by_limb(const BoundedInteger& a, std::uint32_t b);
  static Division divide_long(const BoundedInteger& a, const BoundedInteger& b);
  void trim();

  std::uint32_t limb_[max_limbs] = {};
  std::int8_t size_ = 0;  // -1: invalid
  bool negative_ = false;
};

struct BoundedInteger::Division {
  BoundedInteger quotient, rest;
};

BoundedInteger operator+(const BoundedInteger& a, const BoundedInteger& b);
BoundedInteger operator*(const BoundedInteger& a, const BoundedInteger& b);
[[nodiscard]] BoundedInteger::Division divide(const BoundedInteger& a, const BoundedInteger& b);
/// At least 0; gcd(0, b) is |b|.
[[nodiscard]] BoundedInteger gcd(BoundedInteger a, BoundedInteger b);
/// base^exponent, 0^0 = 1. Stops as soon as it no longer fits.
[[nodiscard]] BoundedInteger power(BoundedInteger base, std::uint32_t exponent);
/// Appends the decimal digits, with "-" if negative; nothing if invalid.
void append_to(std::string& text, const BoundedInteger& value);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/bounded_integer.ipp>
#endif
