#include <visplay/core/error.hpp>
#include <visplay/core/rng.hpp>
#include <visplay/core/simd_level.hpp>
#include <visplay/kernels/log_probs.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <type_traits>
#include <vector>

#include "support/simd_levels.hpp"

using namespace visplay;
using Catch::Matchers::WithinAbs;
using visplay::testing::at_every_level;

namespace {

template <class Number>
struct Case {
  std::size_t rows, vocabulary, stride;
  std::vector<Number> logits;
  std::vector<std::int64_t> targets;
  std::vector<float> log_probs, entropy, log_sum_exp, squares, top;
  std::vector<std::int32_t> ids;

  Case(std::size_t rows, std::size_t vocabulary, std::size_t padding, double scale)
      : rows(rows),
        vocabulary(vocabulary),
        stride(vocabulary + padding),
        logits(rows * stride, Number(1e9f)) {
    Rng rng = Rng(11).fork("v", vocabulary);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t j = 0; j < vocabulary; ++j)
        logits[r * stride + j] = Number(float(scale * rng.normal()));
      targets.push_back(std::int64_t(rng.below(vocabulary)));
    }
    for (auto* out : {&log_probs, &entropy, &log_sum_exp, &squares}) out->resize(rows);
  }
  [[nodiscard]] LogitsView<const Number> view() const {
    return {logits.data(), rows, vocabulary, stride};
  }
  void run(float temperature, ThreadPool& pool, std::size_t k = 0) {
    top.resize(rows * k), ids.resize(rows * k);
    visplay::log_probs(view(), targets, temperature,
                       {.log_probs = log_probs,
                        .entropy = entropy,
                        .log_sum_exp = log_sum_exp,
                        .sum_of_squares = squares,
                        .top_k = k,
                        .top_log_probs = top,
                        .top_ids = ids},
                       pool);
  }
  /// log p of every token of a row.
  [[nodiscard]] std::vector<double> exact(std::size_t row, double temperature) const {
    std::vector<double> x(vocabulary);
    for (std::size_t j = 0; j < vocabulary; ++j)
      x[j] = double(float(logits[row * stride + j])) / temperature;
    const double largest = *std::ranges::max_element(x);
    double sum = 0;
    for (const double value : x) sum += std::exp(value - largest);
    for (double& value : x) value -= largest + std::log(sum);
    return x;
  }
};

double entropy_of(const std::vector<double>& log_p) {
  double h = 0;
  for (const double x : log_p) h -= std::isinf(x) ? 0 : std::exp(x) * x;
  return h;
}

template <class Number>
void check_against_double(Case<Number>& c, float temperature) {
  ThreadPool pool(1);
  c.run(temperature, pool);
  for (std::size_t r = 0; r < c.rows; ++r) {
    const auto log_p = c.exact(r, double(temperature));
    double squares = 0, largest = -1e300;
    for (const double x : log_p) squares += std::exp(2 * x);
    for (std::size_t j = 0; j < c.vocabulary; ++j)
      largest = std::max(largest, double(float(c.logits[r * c.stride + j])));
    CAPTURE(c.vocabulary, temperature, r);
    CHECK_THAT(c.log_probs[r], WithinAbs(log_p[std::size_t(c.targets[r])], 1e-5));
    CHECK_THAT(c.entropy[r], WithinAbs(entropy_of(log_p), 3e-5));
    CHECK_THAT(c.squares[r] / squares, WithinAbs(1, 1e-5));
  }
}

}  // namespace

TEMPLATE_TEST_CASE("log-probs, entropy and sum of squares are those of float64", "", float,
                   BFloat16, Float16) {
  at_every_level([] {
    for (const std::size_t vocabulary : {1, 5, 31, 32, 33, 1000, 1024, 1025, 5003})
      for (const double scale : {1., 5.})
        for (const float temperature : {0.7f, 1.f, 1.3f}) {
          Case<TestType> c(3, vocabulary, 7, scale);
          check_against_double(c, temperature);
        }
    Case<TestType> qwen(2, 151936, 0, 3);
    check_against_double(qwen, 1.f);
  });
}

TEMPLATE_TEST_CASE("logits that grow late, or are masked, do no harm", "", float, BFloat16,
                   Float16) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  at_every_level([] {
    Case<TestType> grows(1, 6000, 0, 1);
    for (std::size_t j = 3000; j < 6000; ++j)
      grows.logits[j] = TestType(float(grows.logits[j]) + (j < 5000 ? 48.f : 512.f));
    grows.targets[0] = 5500;
    check_against_double(grows, 1.f);
    Case<TestType> masked(1, 6000, 0, 1);
    std::fill_n(masked.logits.begin(), 2500, TestType(-infinity));
    for (std::size_t j = 2500; j < 6000; ++j)
      masked.logits[j] = TestType(float(masked.logits[j]) - 512.f);
    masked.targets[0] = 4000;
    check_against_double(masked, 1.f);
  });
}

TEMPLATE_TEST_CASE("the top k are those of a stable sort", "", float, BFloat16, Float16) {
  at_every_level([] {
    Case<TestType> c(4, 3000, 3, 2);
    ThreadPool pool(2);
    c.run(0.8f, pool, 20);
    for (std::size_t r = 0; r < c.rows; ++r) {
      const auto log_p = c.exact(r, double(0.8f));
      std::vector<std::int32_t> order(c.vocabulary);
      std::iota(order.begin(), order.end(), 0);
      std::ranges::stable_sort(order, std::greater{}, [&](auto j) { return log_p[j]; });
      for (std::size_t i = 0; i < 20; ++i) {
        CHECK(c.ids[r * 20 + i] == order[i]);
        CHECK_THAT(c.top[r * 20 + i], WithinAbs(log_p[order[i]], 1e-5));
      }
    }
  });
}

TEMPLATE_TEST_CASE("the gradient is the exact one, rounded once", "", float, BFloat16, Float16) {
  constexpr bool brain = std::is_same_v<TestType, BFloat16>;
  constexpr double rounding = sizeof(TestType) == 4 ? 0 : brain ? 0x1p-8 : 0x1p-11;
  at_every_level([] {
    for (const std::size_t vocabulary : {1, 33, 1025, 3000})
      for (const float temperature : {1.f, 0.7f}) {
        Case<TestType> c(3, vocabulary, 5, 2);
        ThreadPool pool(2);
        c.run(temperature, pool);
        const std::vector<float> g{1.f, -0.3f, 0.f}, h{0.f, 0.2f, 0.5f};
        const Case<TestType> before = c;
        log_probs_backward(LogitsView<TestType>{c.logits.data(), c.rows, vocabulary, c.stride},
                           c.targets, temperature,
                           {.log_sum_exp = c.log_sum_exp,
                            .entropy = c.entropy,
                            .log_prob_gradients = g,
                            .entropy_gradients = h},
                           pool);
        for (std::size_t r = 0; r < c.rows; ++r) {
          const auto log_p = before.exact(r, double(temperature));
          const double entropy = entropy_of(log_p);
          for (std::size_t j = 0; j < c.stride; ++j) {
            double exact = 0;
            if (j < vocabulary) {
              const double p = std::exp(log_p[j]);
              exact = (double(g[r]) * (double(std::int64_t(j) == c.targets[r]) - p) -
                       double(h[r]) * p * (log_p[j] + entropy)) /
                      double(temperature);
            }
            const double got = double(float(c.logits[r * c.stride + j]));
            const double within = rounding * std::abs(exact) +
                                  2e-5 * (j < vocabulary ? std::exp(log_p[j]) : 0) + 1e-7;
            if (!(std::abs(got - exact) <= within))
              FAIL("row " << r << " logit " << j << ": " << got << " for " << exact);
          }
        }
      }
  });
  SUCCEED();
}

TEST_CASE("ignored rows give zeros, forward and backward") {
  Case<float> c(3, 100, 0, 1);
  c.targets[1] = -100;
  ThreadPool pool(1);
  c.run(1, pool, 2);
  CHECK(c.log_probs[1] == 0);
  CHECK(c.entropy[1] == 0);
  CHECK(c.ids[2] == -1);
  CHECK(c.ids[4] >= 0);
  const std::vector<float> g{1, 1, 1};
  log_probs_backward(LogitsView<float>{c.logits.data(), 3, 100, 100}, c.targets, 1,
                     {.log_sum_exp = c.log_sum_exp, .log_prob_gradients = g}, pool);
  CHECK(std::ranges::all_of(c.logits.begin() + 100, c.logits.begin() + 200,
                            [](float x) { return x == 0; }));
  CHECK(c.logits[0] != 0);
}

TEST_CASE("log-probs are the same to the bit for one and two threads") {
  Case<BFloat16> one(40, 5000, 8, 3), two = one;
  ThreadPool alone(1), both(2);
  one.run(0.9f, alone, 5);
  two.run(0.9f, both, 5);
  CHECK(one.log_probs == two.log_probs);
  CHECK(one.entropy == two.entropy);
  CHECK(one.top == two.top);
}

TEST_CASE("shapes and targets that do not fit are refused") {
  ThreadPool pool(1);
  Case<float> c(2, 10, 0, 1);
  c.targets[1] = 10;
  CHECK_THROWS_AS(c.run(1, pool), Error);
  c.targets[1] = 9;
  CHECK_THROWS_AS(c.run(0, pool), Error);
  c.entropy.pop_back();
  CHECK_THROWS_AS(c.run(1, pool), Error);
}

TEST_CASE("a NaN of any bits stays one, as logit and in the gradient") {
  // What GPUs make; as an exponent's neighbour its lower bits would turn it into a number.
  const float nan = std::bit_cast<float>(0x7FFFFFFFu);
  at_every_level([&] {
    ThreadPool pool(1);
    Case<float> c(2, 1500, 0, 3);
    c.logits[700] = nan;
    c.run(1, pool);
    CHECK(std::isnan(c.log_sum_exp[0]));
    CHECK(std::isnan(c.log_probs[0]));
    CHECK(std::isfinite(c.log_probs[1]));

    Case<BFloat16> rounded(1, 1500, 0, 3);
    rounded.run(1, pool);
    const std::vector<float> g{1}, sum{nan};
    log_probs_backward(LogitsView<BFloat16>{rounded.logits.data(), 1, 1500, 1500}, rounded.targets,
                       1, {.log_sum_exp = sum, .log_prob_gradients = g}, pool);
    CHECK(std::ranges::all_of(rounded.logits, [](BFloat16 x) { return std::isnan(float(x)); }));
  });
}
