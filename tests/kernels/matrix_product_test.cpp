// matrix_product against the same sums in double over the same inputs, at every level of instruction set
// that this machine has.
#include <visplay/core/error.hpp>
#include <visplay/kernels/matrix_product.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "support/matrix_values.hpp"
#include "support/simd_levels.hpp"
#include "support/worst.hpp"

using namespace visplay;
using visplay::testing::at_every_level, visplay::testing::Values;

namespace {

struct Shape {
  std::int64_t rows, columns, depth;
};

/// A product of random numbers.
struct Example {
  Shape shape;
  Values left, right;
  bool left_turned, right_turned;
  std::vector<float> bias;

  Example(FloatType type, Shape shape, bool left_turned, bool right_turned)
      : shape(shape),
        left(operand(type, shape.rows, shape.depth, left_turned, 1)),
        right(operand(type, shape.columns, shape.depth, right_turned, 2)),
        left_turned(left_turned),
        right_turned(right_turned) {
    Rng rng(3);
    for (std::int64_t j = 0; j < shape.columns; ++j) bias.push_back(float(rng.normal()));
    for (std::int64_t i = 0; i < shape.rows; ++i)
      for (std::int64_t j = 0; j < shape.columns; ++j) exact.push_back(sums(i, j));
  }
  static Values operand(FloatType type, std::int64_t rows, std::int64_t depth, bool turned,
                        std::uint64_t seed) {
    return Values::random(type, turned ? depth : rows, turned ? rows : depth, 0.5, Rng(seed));
  }

  [[nodiscard]] Values product(ThreadPool& pool, bool with_bias) const {
    Values out(left.type, shape.rows, shape.columns, 5);
    matrix_product({left.view(), left_turned}, {right.view(), right_turned},
                   with_bias ? std::span<const float>(bias) : std::span<const float>(), out.view(),
                   pool);
    return out;
  }

  /// The largest error in units of what is allowed: half a step of the type, and a millionth of the sum
  /// of the terms' sizes.
  [[nodiscard]] double error(const Values& out, bool with_bias) const {
    const double step = left.type == FloatType::float32   ? 0x1p-24
                        : left.type == FloatType::float16 ? 0x1p-11
                                                          : 0x1p-8;
    visplay::testing::Worst worst;
    for (std::int64_t i = 0; i < shape.rows; ++i)
      for (std::int64_t j = 0; j < shape.columns; ++j) {
        const auto [terms, sizes] = exact[std::size_t(i * shape.columns + j)];
        const double added = with_bias ? double(bias[std::size_t(j)]) : 0, sum = terms + added;
        const double allowed = step * std::abs(sum) + 1e-6 * (sizes + std::abs(added)) + 1e-7;
        worst.add(std::abs(out(i, j) - sum) / allowed);
      }
    return worst.value;
  }

 private:
  /// Sum of the terms and of their sizes, without bias.
  [[nodiscard]] std::pair<double, double> sums(std::int64_t i, std::int64_t j) const {
    double sum = 0, size = 0;
    for (std::int64_t k = 0; k < shape.depth; ++k) {
      const double term =
          (left_turned ? left(k, i) : left(i, k)) * (right_turned ? right(k, j) : right(j, k));
      sum += term;
      size += std::abs(term);
    }
    return {sum, size};
  }

  std::vector<std::pair<double, double>> exact;
};

}  // namespace

TEST_CASE("matrix_product is the sum of products, whichever way its operands lie") {
  const auto type = GENERATE(FloatType::float32, FloatType::bfloat16, FloatType::float16);
  const auto [rows, columns, depth] =
      GENERATE(Shape{1, 1, 1}, Shape{33, 70, 35}, Shape{64, 32, 96}, Shape{5, 300, 64},
               Shape{1, 70, 35}, Shape{15, 66, 96}, Shape{2, 9, 2100}, Shape{40, 17, 2100},
               Shape{37, 45, 4133}, Shape{3, 17, 0}, Shape{40, 17, 0});
  const bool left_turned = GENERATE(false, true), right_turned = GENERATE(false, true);
  const Example example(type, {rows, columns, depth}, left_turned, right_turned);
  CAPTURE(name_of(type), rows, columns, depth, left_turned, right_turned);
  ThreadPool pool(2);
  at_every_level([&] {
    CHECK(example.error(example.product(pool, false), false) < 1);
    CHECK(example.error(example.product(pool, true), true) < 1);
  });
}

TEST_CASE(
    "matrix_product goes by blocks of 1,024 rows, with the same bits for any number of threads") {
  const auto type = GENERATE(FloatType::float32, FloatType::bfloat16);
  const Example example(type, {1061, 34, 2080}, false, GENERATE(false, true));
  at_every_level([&] {
    ThreadPool one(1), three(3);
    const Values out = example.product(one, true);
    CHECK(example.error(out, true) < 1);
    CHECK(out.bytes == example.product(three, true).bytes);
    CHECK(out.bytes == example.product(three, true).bytes);
  });
}

TEST_CASE(
    "matrix_product of a few rows has the same bits for each of them and any number of threads") {
  const Example example(FloatType::bfloat16, {15, 333, 1001}, false, false);
  at_every_level([&] {
    ThreadPool one(1), three(3);
    const Values out = example.product(one, true);
    CHECK(out.bytes == example.product(three, true).bytes);
    for (const std::int64_t row : {0, 7, 14}) {
      Values alone(out.type, 1, 333);
      const FloatMatrix left{example.left.bytes.data() + row * example.left.stride * 2, out.type, 1,
                             1001, 1001};
      matrix_product({left}, {example.right.view()}, example.bias, alone.view(), three);
      for (std::int64_t j = 0; j < 333; ++j) REQUIRE(alone(0, j) == out(row, j));
    }
  });
}

TEST_CASE("matrix_product writes the result and nothing beside it") {
  const Example example(FloatType::bfloat16, {GENERATE(5, 33), 35, 64}, false, false);
  ThreadPool pool(2);
  at_every_level([&] {
    const Values out = example.product(pool, true);
    for (std::int64_t i = 0; i < out.rows; ++i)
      for (std::int64_t j = out.columns; j < out.stride; ++j)
        for (std::int64_t byte = 0; byte < 2; ++byte)
          CHECK(out.bytes[std::size_t((i * out.stride + j) * 2 + byte)] == std::byte{0x3f});
  });
}

TEST_CASE("matrix_product takes empty operands and refuses those that do not fit") {
  ThreadPool pool(1);
  constexpr FloatType type = FloatType::float32;
  const Values left(type, 3, 4), right(type, 5, 4), other_type(FloatType::bfloat16, 5, 4);
  const Values no_depth(type, 3, 0), no_depth_either(type, 5, 0), no_rows(type, 0, 4);
  Values out(type, 3, 5), nothing(type, 0, 5);
  matrix_product({no_depth.view()}, {no_depth_either.view()}, {}, out.view(), pool);
  CHECK(out(2, 4) == 0);  // a sum of nothing
  matrix_product({no_rows.view()}, {right.view()}, {}, nothing.view(), pool);
  const std::vector<float> short_bias(4);
  CHECK_THROWS_AS(matrix_product({left.view(), true}, {right.view()}, {}, out.view(), pool), Error);
  CHECK_THROWS_AS(matrix_product({left.view()}, {right.view()}, short_bias, out.view(), pool),
                  Error);
  CHECK_THROWS_AS(matrix_product({left.view()}, {other_type.view()}, {}, out.view(), pool), Error);
}
