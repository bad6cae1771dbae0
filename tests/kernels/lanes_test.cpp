#include <visplay/core/rng.hpp>
#include <visplay/kernels/block_product.hpp>
#include <visplay/kernels/two_packs.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

using namespace visplay;
using Catch::Matchers::WithinAbs;

TEST_CASE("row products and weighted sums are their plain loops at any size") {
  const int n = GENERATE(1, 15, 16, 33, 64, 100), dim = GENERATE(1, 16, 31, 48);
  const int width = padded(n) + 4 * Pack::lanes, step = padded(dim);
  Rng rng = Rng(1).fork("n", n).fork("dim", dim);
  const auto fill = [&](std::size_t count) {
    std::vector<float> x(count);
    for (auto& value : x) value = float(rng.normal());
    return x;
  };
  const auto x = fill(step), columns = fill(dim * width), rows = fill(n * step), w = fill(n);
  std::vector<float> products(width), sums(step, 1.f);
  row_times_columns(x.data(), dim, columns.data(), width, n, products.data());
  add_weighted_rows(w.data(), n, rows.data(), step, dim, sums.data());
  for (int j = 0; j < n; ++j) {
    double product = 0;
    for (int d = 0; d < dim; ++d) product += double(x[d]) * columns[d * width + j];
    REQUIRE_THAT(products[j], WithinAbs(product, 1e-4));
  }
  for (int d = 0; d < dim; ++d) {
    double sum = 1;
    for (int j = 0; j < n; ++j) sum += double(w[j]) * rows[j * step + d];
    REQUIRE_THAT(sums[d], WithinAbs(sum, 1e-4));
  }
}

TEST_CASE("exp_and_sum leaves zeros behind the row and adds up the exponentials") {
  const int n = GENERATE(1, 15, 16, 17, 50);
  std::vector<float> x(padded(n), 7.f);
  for (int j = 0; j < n; ++j) x[j] = float(j) / 10;
  const float total = exp_and_sum(x.data(), n, 2.f, 1.f);
  double exact = 0;
  for (int j = 0; j < n; ++j) exact += std::exp(2 * j / 10. - 1);
  CHECK_THAT(total / exact, WithinAbs(1, 1e-6));
  for (int j = n; j < padded(n); ++j) CHECK(x[j] == 0.f);
}

TEST_CASE("block products are their plain loops at any size, with rows or columns of A in line") {
  const int rows = GENERATE(1, 5, 6, 24), depth = GENERATE(1, 7, 64), n = GENERATE(1, 16, 70, 128);
  const bool transposed = GENERATE(false, true);
  Rng rng = Rng(2).fork("rows", rows).fork("depth", depth).fork("n", n);
  const int step = padded(n);
  std::vector<float> a(rows * depth), b(depth * step), c(rows * step, 3.f);
  for (auto* values : {&a, &b})
    for (auto& value : *values) value = float(rng.normal());
  const StridedBlock block{a.data(), transposed ? 1 : depth, transposed ? rows : 1};
  block_product(block, rows, depth, b.data(), step, n, c.data(), step);
  for (int r = 0; r < rows; ++r)
    for (int j = 0; j < n; ++j) {
      double sum = 3;
      for (int k = 0; k < depth; ++k)
        sum += double(a[r * block.row + k * block.column]) * b[k * step + j];
      REQUIRE_THAT(c[r * step + j], WithinAbs(sum, 1e-4));
    }
}

TEST_CASE("BFloat16 rounds to nearest even, in packs as one by one, and keeps infinities and NaN") {
  const float infinity = std::numeric_limits<float>::infinity();
  struct {
    float value, stored;
  } const table[] = {{1.f, 1.f},
                     {-0.f, -0.f},
                     {1.00390625f, 1.f},  // halfway between 1 and 1 + 2^-7: to even
                     {1.01171875f, 1.015625f},
                     {1.00390637f, 1.0078125f},  // halfway to even above; above halfway
                     {3.4e38f, infinity},
                     {-infinity, -infinity},
                     {9.1835496e-41f, 9.1835496e-41f}};
  for (const auto& [value, stored] : table) {
    CAPTURE(value);
    BFloat16 packed[Pack::lanes];
    store(packed, Pack(value));
    CHECK_THAT(float(BFloat16(value)), WithinAbs(stored, 1e-44));
    CHECK(packed[3].bits == BFloat16(value).bits);
    CHECK(load(packed)[3] == float(BFloat16(value)));
  }
  const float quiet = std::numeric_limits<float>::quiet_NaN();
  BFloat16 packed[Pack::lanes];
  store(packed, Pack(quiet));
  CHECK(std::isnan(float(BFloat16(quiet))));
  CHECK(std::isnan(float(packed[0])));
}

TEST_CASE("two packs of bfloat16 are the even and the odd ones, and go back to their places") {
  constexpr int lanes = Pack::lanes, n = 2 * lanes;
  BFloat16 halves[n], stored[n];
  for (int i = 0; i < n; ++i) halves[i] = BFloat16(float(i) - 7.5f);
  Pack::Lanes even, odd;
  load_two(halves, even, odd);
  for (int i = 0; i < lanes; ++i) {
    CHECK(even[i] == float(halves[2 * i]));
    CHECK(odd[i] == float(halves[2 * i + 1]));
  }
  store_two(stored, even, odd);
  for (int i = 0; i < n; ++i) CHECK(stored[i].bits == halves[i].bits);
}

TEST_CASE("bytes become halves of their order and go back, below 0 as 0 where they have no sign") {
  std::uint8_t bytes[2 * half_lanes], stored[2 * half_lanes];
  for (int i = 0; i < 2 * half_lanes; ++i) bytes[i] = std::uint8_t(255 - 7 * i);
  const Halves a = load_bytes(bytes), b = load_bytes(bytes + half_lanes);
  const Halves c = load_signed_bytes(bytes), d = load_signed_bytes(bytes + half_lanes);
  for (int i = 0; i < half_lanes; ++i) {
    CHECK(a[i] == bytes[i]);
    CHECK(d[i] == std::int8_t(bytes[half_lanes + i]));
  }
  store_bytes(stored, a, b);
  CHECK(std::equal(bytes, bytes + 2 * half_lanes, stored));
  store_signed_bytes(stored, c, d);
  CHECK(std::equal(bytes, bytes + 2 * half_lanes, stored));
  store_bytes(stored, a - 100, b);
  for (int i = 0; i < half_lanes; ++i) CHECK(stored[i] == std::max(bytes[i] - 100, 0));
}

TEST_CASE("the largest lane of each of four registers, wherever it is") {
  for (int place = 0; place < 4 * half_lanes; ++place) {
    Halves x[4];
    for (int r = 0; r < 4; ++r)
      for (int i = 0; i < half_lanes; ++i) x[r][i] = std::int16_t((37 * i + 11 * r) % 1000);
    x[place / half_lanes][place % half_lanes] = std::int16_t(2000 + place);
    const FourIntegers found = largest_lanes(x);
    for (int r = 0; r < 4; ++r) {
      std::int16_t largest = 0;
      for (int i = 0; i < half_lanes; ++i) largest = std::max<std::int16_t>(largest, x[r][i]);
      if (found[r] != largest) FAIL("register " << r << ", place " << place);
    }
  }
  Bytes bytes;
  for (int i = 0; i < 2 * half_lanes; ++i) bytes[i] = std::uint8_t(91 * i);
  const Halves pairs = larger_bytes(bytes);
  for (int i = 0; i < half_lanes; ++i)
    CHECK(pairs[i] == std::max(std::uint8_t(91 * 2 * i), std::uint8_t(91 * (2 * i + 1))));
}
