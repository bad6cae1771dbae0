#include <visplay/core/rng.hpp>
#include <visplay/kernels/lanes.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <cmath>
#include <vector>

using namespace visplay;
using Catch::Matchers::WithinAbs;

TEST_CASE("row products, weighted sums and outer products are their plain loops at any size") {
  const int n = GENERATE(1, 15, 16, 33, 64, 100), dim = GENERATE(1, 16, 31, 48);
  const int width = padded(n) + 4 * Pack::lanes, step = padded(dim);
  Rng rng = Rng(1).fork("n", n).fork("dim", dim);
  const auto fill = [&](std::size_t count) {
    std::vector<float> x(count);
    for (auto& value : x) value = float(rng.normal());
    return x;
  };
  const auto x = fill(step), columns = fill(dim * width), rows = fill(n * step), w = fill(n);
  std::vector<float> products(width), sums(step, 1.f), outer(n * step, 2.f);
  row_times_columns(x.data(), dim, columns.data(), width, n, products.data());
  add_weighted_rows(w.data(), n, rows.data(), step, dim, sums.data());
  add_outer(w.data(), n, x.data(), dim, outer.data(), step);
  for (int j = 0; j < n; ++j) {
    double product = 0;
    for (int d = 0; d < dim; ++d) product += double(x[d]) * columns[d * width + j];
    REQUIRE_THAT(products[j], WithinAbs(product, 1e-4));
    for (int d = 0; d < dim; ++d)
      REQUIRE_THAT(outer[j * step + d], WithinAbs(2 + double(w[j]) * x[d], 1e-5));
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
