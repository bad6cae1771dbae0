// Schoolbook arithmetic on 32-bit limbs, least significant first.
#pragma once

#include <visplay/text/bounded_integer.hpp>

#include <algorithm>
#include <bit>
#include <charconv>
#include <numeric>

namespace visplay {

VISPLAY_INLINE void BoundedInteger::trim() {
  while (size_ > 0 && limb_[size_ - 1] == 0) --size_;
  if (size_ == 0) negative_ = false;
}

VISPLAY_INLINE int BoundedInteger::compare_magnitudes(const BoundedInteger& a,
                                                      const BoundedInteger& b) {
  if (a.size_ != b.size_) return a.size_ < b.size_ ? -1 : 1;
  for (int i = a.size_ - 1; i >= 0; --i)
    if (a.limb_[i] != b.limb_[i]) return a.limb_[i] < b.limb_[i] ? -1 : 1;
  return 0;
}

VISPLAY_INLINE BoundedInteger BoundedInteger::add_magnitudes(const BoundedInteger& a,
                                                             const BoundedInteger& b) {
  BoundedInteger sum;
  std::uint64_t carry = 0;
  const int size = std::max(a.size_, b.size_);
  for (int i = 0; i < size; ++i) {
    carry += std::uint64_t(i < a.size_ ? a.limb_[i] : 0) + (i < b.size_ ? b.limb_[i] : 0);
    sum.limb_[i] = std::uint32_t(carry);
    carry >>= 32;
  }
  if (carry && size == max_limbs) return invalid();
  if (carry) sum.limb_[size] = std::uint32_t(carry);
  sum.size_ = std::int8_t(size + (carry ? 1 : 0));
  return sum;
}

/// |a| - |b|, for |a| >= |b|.
VISPLAY_INLINE BoundedInteger BoundedInteger::subtract_magnitudes(const BoundedInteger& a,
                                                                  const BoundedInteger& b) {
  BoundedInteger difference;
  std::int64_t borrow = 0;
  for (int i = 0; i < a.size_; ++i) {
    borrow += std::int64_t(a.limb_[i]) - (i < b.size_ ? std::int64_t(b.limb_[i]) : 0);
    difference.limb_[i] = std::uint32_t(borrow);
    borrow >>= 32;
  }
  difference.size_ = a.size_;
  difference.trim();
  return difference;
}

VISPLAY_INLINE BoundedInteger operator+(const BoundedInteger& a, const BoundedInteger& b) {
  if (!a.valid() || !b.valid()) return BoundedInteger::invalid();
  const bool a_larger = BoundedInteger::compare_magnitudes(a, b) >= 0;
  BoundedInteger sum = a.negative_ == b.negative_ ? BoundedInteger::add_magnitudes(a, b)
                       : a_larger                 ? BoundedInteger::subtract_magnitudes(a, b)
                                                  : BoundedInteger::subtract_magnitudes(b, a);
  sum.negative_ = sum.size_ > 0 && (a_larger ? a.negative_ : b.negative_);
  return sum;
}

VISPLAY_INLINE BoundedInteger operator*(const BoundedInteger& a, const BoundedInteger& b) {
  if (!a.valid() || !b.valid()) return BoundedInteger::invalid();
  if (a.size_ <= 1 && b.size_ <= 1)
    return {std::uint64_t(a.limb_[0]) * b.limb_[0],
            a.size_ > 0 && b.size_ > 0 && a.negative_ != b.negative_};
  std::uint32_t product[2 * BoundedInteger::max_limbs] = {};
  for (int i = 0; i < a.size_; ++i) {
    std::uint64_t carry = 0;
    for (int j = 0; j < b.size_; ++j) {
      carry += std::uint64_t(a.limb_[i]) * b.limb_[j] + product[i + j];
      product[i + j] = std::uint32_t(carry);
      carry >>= 32;
    }
    product[i + b.size_] = std::uint32_t(carry);
  }
  int size = a.size_ + b.size_;
  while (size > 0 && product[size - 1] == 0) --size;
  if (size > BoundedInteger::max_limbs) return BoundedInteger::invalid();
  BoundedInteger result;
  std::copy_n(product, size, result.limb_);
  result.size_ = std::int8_t(size);
  result.negative_ = size > 0 && a.negative_ != b.negative_;
  return result;
}

VISPLAY_INLINE BoundedInteger::Division BoundedInteger::divide_by_limb(const BoundedInteger& a,
                                                                       std::uint32_t b) {
  BoundedInteger quotient = a;
  std::uint64_t rest = 0;
  for (int i = a.size_ - 1; i >= 0; --i) {
    rest = rest << 32 | a.limb_[i];
    quotient.limb_[i] = std::uint32_t(rest / b);
    rest %= b;
  }
  quotient.trim();
  return {quotient, {rest, a.negative_ && rest > 0}};
}

/// Knuth's algorithm D on magnitudes, for |a| >= |b| and at least two limbs of b.
VISPLAY_INLINE BoundedInteger::Division BoundedInteger::divide_long(const BoundedInteger& a,
                                                                    const BoundedInteger& b) {
  const int n = b.size_;
  const int m = a.size_ - n;
  const int shift = std::countl_zero(b.limb_[n - 1]);
  const auto shifted = [shift](const BoundedInteger& v, int i) {
    const std::uint64_t high = i < v.size_ ? v.limb_[i] : 0;
    const std::uint64_t low = i > 0 ? v.limb_[i - 1] : 0;
    return std::uint32_t((high << 32 | low) << shift >> 32);
  };
  std::uint32_t u[max_limbs + 1] = {};
  std::uint32_t v[max_limbs] = {};
  for (int i = 0; i <= a.size_; ++i) u[i] = shifted(a, i);
  for (int i = 0; i < n; ++i) v[i] = shifted(b, i);
  Division result;
  for (int j = m; j >= 0; --j) {
    const std::uint64_t top = std::uint64_t(u[j + n]) << 32 | u[j + n - 1];
    std::uint64_t digit = top / v[n - 1];
    std::uint64_t rest = top % v[n - 1];
    while (digit >> 32 || digit * v[n - 2] > (rest << 32 | u[j + n - 2])) {
      --digit;
      rest += v[n - 1];
      if (rest >> 32) break;
    }
    std::int64_t borrow = 0;
    for (int i = 0; i < n; ++i) {
      const std::uint64_t product = digit * v[i];
      borrow += std::int64_t(u[i + j]) - std::int64_t(std::uint32_t(product));
      u[i + j] = std::uint32_t(borrow);
      borrow = (borrow >> 32) - std::int64_t(product >> 32);
    }
    borrow += std::int64_t(u[j + n]);
    u[j + n] = std::uint32_t(borrow);
    if (borrow < 0) {  // one too many: add the divisor back
      --digit;
      std::uint64_t carry = 0;
      for (int i = 0; i < n; ++i) {
        carry += std::uint64_t(u[i + j]) + v[i];
        u[i + j] = std::uint32_t(carry);
        carry >>= 32;
      }
      u[j + n] += std::uint32_t(carry);
    }
    result.quotient.limb_[j] = std::uint32_t(digit);
  }
  result.quotient.size_ = std::int8_t(m + 1);
  for (int i = 0; i < n; ++i)
    result.rest.limb_[i] = std::uint32_t((std::uint64_t(u[i + 1]) << 32 | u[i]) >> shift);
  result.rest.size_ = std::int8_t(n);
  return result;
}

VISPLAY_INLINE BoundedInteger::Division divide(const BoundedInteger& a, const BoundedInteger& b) {
  if (!a.valid() || !b.valid() || b.is_zero())
    return {BoundedInteger::invalid(), BoundedInteger::invalid()};
  if (BoundedInteger::compare_magnitudes(a, b) < 0) return {0, a};
  BoundedInteger::Division result = b.size_ == 1 ? BoundedInteger::divide_by_limb(a, b.limb_[0])
                                                 : BoundedInteger::divide_long(a, b);
  result.quotient.negative_ = a.negative_ != b.negative_;
  result.rest.negative_ = a.negative_;
  result.quotient.trim();
  result.rest.trim();
  return result;
}

VISPLAY_INLINE BoundedInteger gcd(BoundedInteger a, BoundedInteger b) {
  if (!a.valid() || !b.valid()) return BoundedInteger::invalid();
  while (!b.is_zero()) {
    if (a.fits_64_bits() && b.fits_64_bits())
      return BoundedInteger::of_magnitude(std::gcd(a.magnitude(), b.magnitude()));
    BoundedInteger rest = divide(a, b).rest;
    a = b;
    b = rest;
  }
  return a.negative() ? -a : a;
}

VISPLAY_INLINE BoundedInteger power(BoundedInteger base, std::uint32_t exponent) {
  BoundedInteger result = 1;
  while (exponent > 0 && result.valid()) {
    if (exponent & 1u) result = result * base;
    if ((exponent >>= 1) > 0) base = base * base;
    if (!base.valid()) return BoundedInteger::invalid();
  }
  return result;
}

VISPLAY_INLINE void append_to(std::string& text, const BoundedInteger& value) {
  if (!value.valid()) return;
  if (value.negative()) text += '-';
  char digits[20];
  if (value.fits_64_bits()) {
    const char* const end = std::to_chars(digits, digits + 20, value.magnitude()).ptr;
    text.append(digits, std::size_t(end - digits));
    return;
  }
  std::string reversed;
  for (BoundedInteger rest = value.negative() ? -value : value; !rest.is_zero();) {
    const auto [quotient, low] = divide(rest, 1'000'000'000);
    std::uint64_t chunk = low.magnitude();
    for (int i = 0; i < 9 && (chunk > 0 || !quotient.is_zero()); ++i, chunk /= 10)
      reversed += char('0' + chunk % 10);
    rest = quotient;
  }
  text.append(reversed.rbegin(), reversed.rend());
}

}  // namespace visplay
