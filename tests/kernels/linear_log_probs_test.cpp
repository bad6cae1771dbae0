// linear_log_probs against the same formulas in double over the same inputs, at every level of
// instruction set that this machine has.
#include <visplay/core/bfloat16.hpp>
#include <visplay/core/error.hpp>
#include <visplay/core/rng.hpp>
#include <visplay/core/simd_level.hpp>
#include <visplay/kernels/linear_log_probs.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <vector>

#include "support/matrix_values.hpp"
#include "support/simd_levels.hpp"
#include "support/worst.hpp"

using namespace visplay;
using visplay::testing::at_every_level, visplay::testing::Values;

namespace {

constexpr FloatType types[] = {FloatType::bfloat16, FloatType::float16, FloatType::float32};

struct Shape {
  std::int64_t tokens, depth, vocabulary, padding;
  float temperature;
};

struct Example {
  Shape shape;
  Values hidden, head;
  std::vector<std::int64_t> targets;
  std::vector<float> by_log_prob, by_entropy;

  Example(FloatType type, const Shape& shape, double spread = 3)
      : shape(shape),
        hidden(Values::random(type, shape.tokens, shape.depth, 1, Rng(1))),
        head(Values::random(type, shape.vocabulary + shape.padding, shape.depth,
                            spread / std::sqrt(double(shape.depth)), Rng(2))) {
    Rng rng(3);
    for (std::int64_t t = 0; t < shape.tokens; ++t) {
      targets.push_back(std::int64_t(rng.below(std::uint64_t(shape.vocabulary))));
      by_log_prob.push_back(float(rng.normal()));
      by_entropy.push_back(float(rng.normal()));
    }
  }

  [[nodiscard]] LinearLogProbsInput input() const {
    return {hidden.view(), head.view(), targets, shape.vocabulary, shape.temperature};
  }
  [[nodiscard]] CoefficientsOf coefficients() const {
    return [this](auto, auto) { return LinearLogProbsCoefficients{by_log_prob, by_entropy}; };
  }
};

struct Results {
  std::vector<float> log_probs, entropy, sum_squares;
  Values hidden, head;

  Results(const Example& example, int threads, std::span<std::byte> kept = {})
      : log_probs(example.targets.size(), 7.f),
        entropy(log_probs),
        sum_squares(log_probs),
        hidden(example.hidden),
        head(example.head) {
    ThreadPool pool(threads);
    linear_log_probs_with_gradient(
        example.input(),
        {.log_probs = log_probs, .entropy = entropy, .sum_squares = sum_squares, .kept = kept},
        example.coefficients(), {hidden.view(), head.view()}, pool);
  }
  bool operator==(const Results& other) const {
    return log_probs == other.log_probs && entropy == other.entropy &&
           sum_squares == other.sum_squares && hidden.bytes == other.hidden.bytes &&
           head.bytes == other.head.bytes;
  }
};

/// The formulas of the header in double. `*_size` is the sum of the magnitudes that a gradient is a
/// sum of, before they cancel: what rounding is relative to.
struct Exact {
  std::vector<double> log_probs, entropy, sum_squares, hidden, head, hidden_size, head_size;

  explicit Exact(const Example& e)
      : log_probs(e.targets.size()), entropy(log_probs), sum_squares(log_probs) {
    const auto [n, depth, vocabulary, padding, temperature] = e.shape;
    hidden.resize(std::size_t(n * depth)), hidden_size = hidden;
    head.resize(std::size_t((vocabulary + padding) * depth)), head_size = head;
    for (std::int64_t t = 0; t < n; ++t)
      if (e.targets[std::size_t(t)] >= 0) add(e, t);
  }

 private:
  void add(const Example& e, std::int64_t t) {
    const auto [n, depth, vocabulary, padding, temperature] = e.shape;
    const auto i = std::size_t(t);
    std::vector<double> z;
    for (std::int64_t v = 0; v < vocabulary; ++v) {
      double dot = 0;
      for (std::int64_t h = 0; h < depth; ++h) dot += e.hidden(t, h) * e.head(v, h);
      z.push_back(dot / double(temperature));
    }
    const double largest = std::ranges::max(z);
    double sum = 0;
    for (const double x : z) sum += std::exp(x - largest);
    for (double& x : z) x -= largest + std::log(sum);
    log_probs[i] = z[std::size_t(e.targets[i])];
    for (const double x : z) {
      entropy[i] -= std::exp(x) * x;
      sum_squares[i] += std::exp(2 * x);
    }
    for (std::int64_t v = 0; v < vocabulary; ++v) {
      const double log_p = z[std::size_t(v)], p = std::exp(log_p);
      const double a = double(e.by_log_prob[i]), b = double(e.by_entropy[i]);
      const double g =
          (a * ((v == e.targets[i]) - p) - b * p * (log_p + entropy[i])) / double(temperature);
      const double size = (std::abs(a) * ((v == e.targets[i]) + p) +
                           std::abs(b) * p * (std::abs(log_p) + entropy[i])) /
                          double(temperature);
      for (std::int64_t h = 0; h < depth; ++h) {
        const auto x = std::size_t(t * depth + h), w = std::size_t(v * depth + h);
        hidden[x] += g * e.head(v, h), hidden_size[x] += size * std::abs(e.head(v, h));
        head[w] += g * e.hidden(t, h), head_size[w] += size * std::abs(e.hidden(t, h));
      }
    }
  }
};

double largest_difference(const std::vector<float>& ours, const std::vector<double>& exact) {
  visplay::testing::Worst worst;
  for (std::size_t i = 0; i < ours.size(); ++i) worst.add(std::abs(double(ours[i]) - exact[i]));
  return worst.value;
}

/// Largest error of a gradient in units of one rounding of each term and one of the result. In
/// float32, and before the result is rounded in float16, terms are as exact as a log-prob, 1e-5.
double roundings(const Values& ours, const std::vector<double>& exact,
                 const std::vector<double>& size) {
  const double rounding = ours.type == FloatType::bfloat16 ? 0x1p-8 : 1e-5;
  const bool half = ours.type == FloatType::float16;
  const double of_result = half ? 0x1p-11 : 0, smallest = half ? 0x1p-25 : 1e-30;
  visplay::testing::Worst worst;
  for (std::int64_t r = 0; r < ours.rows; ++r)
    for (std::int64_t c = 0; c < ours.columns; ++c) {
      const auto i = std::size_t(r * ours.columns + c);
      const double allowed =
          rounding * (size[i] + std::abs(exact[i])) + of_result * std::abs(exact[i]) + smallest;
      worst.add(std::abs(ours(r, c) - exact[i]) / allowed);
    }
  return worst.value;
}

}  // namespace

TEST_CASE("linear_log_probs, values and gradients, is the formula in double") {
  const Shape shapes[] = {{1, 7, 5, 0, 1.f},
                          {33, 64, 1000, 0, 0.7f},
                          {70, 97, 601, 9, 1.3f},
                          {400, 32, 300, 0, 1.f},
                          {20, 2048, 300, 20, 1.f}};
  for (const FloatType type : types)
    for (const Shape& shape : shapes) {
      INFO(name_of(type) << ", " << shape.tokens << " x " << shape.depth << " x "
                         << shape.vocabulary);
      const Example example(type, shape);
      const Exact exact(example);
      at_every_level([&] {
        const Results ours(example, 1);
        CHECK(largest_difference(ours.log_probs, exact.log_probs) < 1e-5);
        CHECK(largest_difference(ours.entropy, exact.entropy) < 3e-5);
        // Twice the error of a logit, 1.3e-6 here, and four times that of a power, 2e-7.
        CHECK(largest_difference(ours.sum_squares, exact.sum_squares) < 3.4e-6);
        CHECK(roundings(ours.hidden, exact.hidden, exact.hidden_size) < 1);
        CHECK(roundings(ours.head, exact.head, exact.head_size) < 1);
      });
    }
}

TEST_CASE("linear_log_probs is as accurate for logits of a trained model, up to thirty") {
  for (const FloatType type : types) {
    const Example example(type, {24, 1024, 900, 0, 1.f}, 7);
    const Exact exact(example);
    at_every_level([&] {
      const Results ours(example, 2);
      CHECK(largest_difference(ours.log_probs, exact.log_probs) < 1e-5);
      CHECK(largest_difference(ours.entropy, exact.entropy) < 3e-5);
    });
  }
}

TEST_CASE("linear_log_probs loses four units in the last place of a logit of a hundred") {
  for (const FloatType type : types) {
    const Example example(type, {24, 1024, 900, 0, 1.f}, 25);
    const Exact exact(example);
    at_every_level([&] {
      const Results ours(example, 2);
      CHECK(largest_difference(ours.log_probs, exact.log_probs) < 4 * 0x1p-17);
      CHECK(largest_difference(ours.entropy, exact.entropy) < 3e-5);
    });
  }
}

TEST_CASE("linear_log_probs has the same bits for any number of threads and every time") {
  for (const FloatType type : types) {
    const Example example(type, {90, 65, 3001, 6, 0.9f});
    at_every_level([&] {
      const Results one(example, 1);
      CHECK(one == Results(example, 2));
      CHECK(one == Results(example, 3));
      CHECK(one == Results(example, 1));
    });
  }
}

TEST_CASE("the fused head's top k are those of log_probs over the logits in double") {
  constexpr std::size_t k = 12;
  for (const FloatType type : types) {
    Example example(type, {70, 48, 3001, 5, 0.8f});
    example.targets[9] = -1;
    const std::int64_t n = example.shape.tokens, depth = example.shape.depth,
                       vocabulary = example.shape.vocabulary;
    const auto temperature = double(example.shape.temperature);
    std::vector<std::vector<double>> exact;  // log-probs of a token
    for (std::int64_t t = 0; t < n; ++t) {
      std::vector<double>& row = exact.emplace_back(std::size_t(vocabulary));
      double sum = 0;
      for (std::int64_t v = 0; v < vocabulary; ++v) {
        for (std::int64_t h = 0; h < depth; ++h)
          row[std::size_t(v)] += example.hidden(t, h) * example.head(v, h) / temperature;
        sum += std::exp(row[std::size_t(v)]);
      }
      for (double& x : row) x -= std::log(sum);
    }
    at_every_level([&] {
      std::vector<float> values(std::size_t(n) * k), again = values;
      std::vector<std::int32_t> ids(values.size()), ids_again = ids;
      const auto call = [&](int threads, auto& to, auto& to_ids) {
        ThreadPool pool(threads);
        linear_log_probs(example.input(), {.top_k = k, .top_log_probs = to, .top_ids = to_ids},
                         pool);
      };
      call(1, values, ids);
      call(3, again, ids_again);
      CHECK(values == again);
      CHECK(ids == ids_again);
      for (std::size_t t = 0; t < std::size_t(n); ++t) {
        std::vector<double> sorted = exact[t];
        std::ranges::sort(sorted, std::greater{});
        for (std::size_t i = 0; i < k; ++i) {
          const float value = values[t * k + i];
          const std::int32_t id = ids[t * k + i];
          if (t == 9) {
            REQUIRE((value == 0 && id == -1));
            continue;
          }
          REQUIRE((id >= 0 && id < vocabulary));
          REQUIRE(std::abs(double(value) - exact[t][std::size_t(id)]) < 1e-5);
          REQUIRE(std::abs(double(value) - sorted[i]) < 1e-5);
          if (i > 0) REQUIRE(value <= values[t * k + i - 1]);
        }
        const auto first = ids.begin() + std::ptrdiff_t(t * k);
        REQUIRE((t == 9 || std::set(first, first + k).size() == k));
      }
    });
  }
}

namespace {

/// Top k of each token, by so many threads.
struct Top {
  std::vector<float> log_probs, values;
  std::vector<std::int32_t> ids;

  Top(const Example& example, std::size_t k, int threads)
      : log_probs(example.targets.size()), values(example.targets.size() * k), ids(values.size()) {
    ThreadPool pool(threads);
    linear_log_probs(example.input(),
                     {.log_probs = log_probs, .top_k = k, .top_log_probs = values, .top_ids = ids},
                     pool);
  }
};

}  // namespace

TEST_CASE("of equal logits the fused head's top k has the lower ids") {
  Example example(FloatType::float32, {40, 64, 3000, 0, 1.f});  // enough work for several threads
  std::ranges::fill(example.head.bytes, std::byte(0));
  at_every_level([&] {
    const Top top(example, 3, 3);
    for (std::size_t i = 0; i < top.ids.size(); ++i) REQUIRE(top.ids[i] == std::int32_t(i % 3));
  });
}

TEST_CASE("the fused head's top k may exceed the rows that a thread meets, and tokens a block") {
  const Example few(FloatType::bfloat16, {35, 64, 1500, 0, 1.f});
  const Example many(FloatType::bfloat16, {1100, 16, 300, 0, 1.f});
  at_every_level([&] {
    const Top one(few, 700, 1), three(few, 700, 3);
    CHECK(one.values == three.values);
    CHECK(one.ids == three.ids);
    for (std::size_t i = 1; i < one.values.size(); ++i)
      REQUIRE((i % 700 == 0 || one.values[i] <= one.values[i - 1]));
    const Top all(many, 300, 2);
    for (std::size_t t = 0; t < 1100; ++t) {  // all ids: the probabilities add up to one
      double sum = 0;
      for (std::size_t i = 0; i < 300; ++i) sum += std::exp(double(all.values[t * 300 + i]));
      REQUIRE(std::abs(sum - 1) < 1e-5);
    }
  });
}

TEST_CASE("the target's entry among the fused head's top k is its log-prob") {
  Example example(FloatType::bfloat16, {64, 256, 700, 0, 1.f}, 25);
  const Top first(example, 1, 1);
  for (std::size_t t = 0; t < 64; ++t) example.targets[t] = first.ids[t];
  at_every_level([&] {
    const Top top(example, 1, 2);
    CHECK(top.ids == first.ids);
    for (std::size_t t = 0; t < 64; ++t) {
      REQUIRE(std::abs(top.values[t] - top.log_probs[t]) <= 4e-6f);
      REQUIRE(top.values[t] <= 4e-6f);
    }
  });
}

TEST_CASE("a NaN among logits leaves the fused head's ids the same for any number of threads") {
  Example example(FloatType::float32, {40, 64, 3000, 0, 1.f});
  for (std::int64_t h = 0; h < 64; ++h) {
    example.hidden.set(3, h, NAN);
    example.head.set(17, h, NAN);
  }
  at_every_level([&] {
    const Top one(example, 5, 1), three(example, 5, 3);
    CHECK(one.ids == three.ids);
    CHECK(std::isnan(one.values[3 * 5]));
    for (std::size_t i = 0; i < 5; ++i) CHECK(one.ids[3 * 5 + i] == std::int32_t(i));
    CHECK(std::ranges::count(one.ids, 17) == 0);
  });
}

TEST_CASE("padded rows of the head change nothing and get no gradient") {
  Example padded(FloatType::bfloat16, {40, 48, 500, 37, 1.f}), plain = padded;
  plain.head.rows = plain.shape.vocabulary;
  plain.shape.padding = 0;
  at_every_level([&] {
    const Results a(padded, 2), b(plain, 2);
    CHECK(a.log_probs == b.log_probs);
    CHECK(a.entropy == b.entropy);
    CHECK(a.hidden.bytes == b.hidden.bytes);
    for (std::int64_t r = 0; r < 537; ++r)
      for (std::int64_t c = 0; c < 48; ++c) {
        if (r < 500) REQUIRE(a.head(r, c) == b.head(r, c));
        if (r >= 500) REQUIRE(a.head(r, c) == 0);
      }
  });
}

TEST_CASE("an ignored row has zeros and no gradient") {
  Example example(FloatType::bfloat16, {40, 48, 500, 0, 1.f});
  example.targets[3] = -100;
  for (std::int64_t c = 0; c < 48; ++c) example.hidden.set(3, c, 100 * example.hidden(3, c));
  const Exact exact(example);
  at_every_level([&] {
    const Results ours(example, 2);
    CHECK(ours.log_probs[3] == 0);
    CHECK(ours.entropy[3] == 0);
    CHECK(roundings(ours.head, exact.head, exact.head_size) < 1);
    for (std::int64_t c = 0; c < 48; ++c) CHECK(ours.hidden(3, c) == 0);
  });
}

TEST_CASE("the backward pass alone gives the gradient of the one call") {
  const Example example(FloatType::bfloat16, {50, 40, 333, 0, 0.8f});
  const Results both(example, 2);
  ThreadPool pool(2);
  std::vector<float> log_sum_exp(50), entropy(50);
  linear_log_probs(example.input(), {.entropy = entropy, .log_sum_exp = log_sum_exp}, pool);
  Values hidden = example.hidden, head = example.head;
  linear_log_probs_backward(example.input(), log_sum_exp, entropy,
                            {example.by_log_prob, example.by_entropy}, {hidden.view(), {}}, pool);
  CHECK(hidden.bytes == both.hidden.bytes);
  linear_log_probs_backward(example.input(), log_sum_exp, entropy,
                            {example.by_log_prob, example.by_entropy}, {{}, head.view()}, pool);
  CHECK(head.bytes == both.head.bytes);
}

TEST_CASE("logits that the forward pass keeps change a gradient by less than its rounding") {
  for (const FloatType type : types) {
    Example example(type, {70, 64, 2001, 3, 0.8f});
    example.targets[9] = -1;
    for (std::int64_t h = 0; h < 64; ++h) {  // logits that grow late, and some far below the others
      example.head.set(1900, h, 12 * example.hidden(4, h));
      example.head.set(1800, h, -12 * example.hidden(5, h));
    }
    const Exact exact(example);
    const std::size_t all = linear_log_probs_kept_bytes(70, 2001, type);
    std::vector<std::byte> memory(all + 1);
    at_every_level([&] {
      const Results without(example, 2);
      for (const std::size_t bytes : {all, all / 2, std::size_t(70), std::size_t(0)}) {
        INFO(name_of(type) << ", " << bytes << " bytes of " << all);
        const std::span kept = std::span(memory).subspan(1, bytes);
        std::ranges::fill(memory, std::byte(0x5a));
        const Results ours(example, 1, kept);
        CHECK(std::ranges::count(kept, std::byte(0x5a)) < std::ptrdiff_t(bytes / 3 + 71));
        CHECK(memory[0] == std::byte(0x5a));
        CHECK(std::ranges::count(std::span(memory).subspan(1 + bytes), std::byte(0x5a)) ==
              std::ptrdiff_t(all - bytes));
        CHECK(ours.log_probs == without.log_probs);
        if (type == FloatType::bfloat16 && bytes > 70) {
          CHECK_FALSE(ours == without);  // or nothing was kept
          CHECK(roundings(ours.hidden, exact.hidden, exact.hidden_size) < 1);
          CHECK(roundings(ours.head, exact.head, exact.head_size) < 1);
        } else {
          CHECK(ours == without);
        }
        CHECK(ours == Results(example, 3, kept));
      }
    });
  }
}

TEST_CASE("kept logits of a very low temperature: the largest keeps its probability") {
  // y is in the tens of thousands, where rounding may put the largest above itself.
  Example example(FloatType::bfloat16, {64, 1, 2, 0, 0.001f});
  example.head.set(0, 0, 1), example.head.set(1, 0, 0);
  for (std::int64_t t = 0; t < 64; ++t) {
    example.hidden.set(t, 0, 24 + 0.125f * float(t));
    example.targets[std::size_t(t)] = 0;
  }
  example.by_log_prob.assign(64, 1.f), example.by_entropy.assign(64, 0.f);
  std::vector<std::byte> memory(linear_log_probs_kept_bytes(64, 2, FloatType::bfloat16));
  at_every_level([&] {
    const Results kept(example, 1, memory);
    // (1 - p) / T for p = 1, and p to some steps of y's 0.004; without its probability 1,000.
    for (std::int64_t t = 0; t < 64; ++t) REQUIRE(std::abs(kept.hidden(t, 0)) < 20);
  });
}

TEST_CASE("the backward pass alone takes logits that the forward pass kept") {
  for (const FloatType type : types) {
    const Example example(type, {50, 40, 333, 0, 0.8f});
    at_every_level([&] {
      std::vector<std::byte> kept(linear_log_probs_kept_bytes(50, 200, type));
      const Results both(example, 2, kept);
      ThreadPool pool(2);
      std::vector<float> log_sum_exp(50), entropy(50);
      linear_log_probs(example.input(),
                       {.entropy = entropy, .log_sum_exp = log_sum_exp, .kept = kept}, pool);
      Values hidden = example.hidden, head = example.head;
      linear_log_probs_backward(example.input(), log_sum_exp, entropy,
                                {example.by_log_prob, example.by_entropy},
                                {hidden.view(), head.view()}, pool, kept);
      CHECK(hidden.bytes == both.hidden.bytes);
      CHECK(head.bytes == both.head.bytes);
      std::ranges::fill(kept, std::byte(0));
      linear_log_probs_backward(example.input(), log_sum_exp, entropy,
                                {example.by_log_prob, example.by_entropy}, {{}, head.view()}, pool,
                                kept);
      CHECK(head.bytes != both.head.bytes);
    });
  }
}

TEST_CASE("with all logits kept the backward pass computes none: it does not look at the head") {
  for (const FloatType type : types) {
    const Example example(type, {70, 40, 333, 0, 0.8f});
    at_every_level([&] {
      std::vector<std::byte> kept(linear_log_probs_kept_bytes(70, 333, type));
      const Results both(example, 2, kept);
      ThreadPool pool(2);
      Example other = example;
      std::ranges::fill(other.head.bytes, std::byte(0));
      std::vector<float> log_sum_exp(70), entropy(70);
      linear_log_probs(example.input(),
                       {.entropy = entropy, .log_sum_exp = log_sum_exp, .kept = kept}, pool);
      Values head = example.head;
      linear_log_probs_backward(other.input(), log_sum_exp, entropy,
                                {example.by_log_prob, example.by_entropy}, {{}, head.view()}, pool,
                                kept);
      CHECK(head.bytes == both.head.bytes);
    });
  }
}

TEST_CASE("coefficients see log-probs and entropies of all rows") {
  const Example example(FloatType::float32, {20, 16, 100, 0, 1.f});
  const Exact exact(example);
  ThreadPool pool(1);
  Values hidden = example.hidden;
  bool called = false;
  linear_log_probs_with_gradient(
      example.input(), {},
      [&](std::span<const float> log_probs, std::span<const float> entropy) {
        called = true;
        CHECK(largest_difference({log_probs.begin(), log_probs.end()}, exact.log_probs) < 1e-5);
        CHECK(largest_difference({entropy.begin(), entropy.end()}, exact.entropy) < 3e-5);
        return LinearLogProbsCoefficients{};
      },
      {hidden.view(), {}}, pool);
  CHECK(called);
  for (std::int64_t c = 0; c < 16; ++c) CHECK(hidden(0, c) == 0);
}

TEST_CASE("without tokens the head's gradient is zero") {
  const Example example(FloatType::bfloat16, {0, 16, 100, 0, 1.f});
  const Results ours(example, 1);
  for (std::int64_t r = 0; r < 100; ++r) CHECK(ours.head(r, 5) == 0);
}

TEST_CASE("a gradient may be float32 for bfloat16 inputs") {
  const Example example(FloatType::bfloat16, {40, 48, 500, 0, 1.f});
  const Exact exact(example);
  ThreadPool pool(1);
  Values hidden(FloatType::float32, 40, 48), head(FloatType::float32, 500, 48);
  linear_log_probs_with_gradient(example.input(), {}, example.coefficients(),
                                 {hidden.view(), head.view()}, pool);
  const Results rounded(example, 1);
  int others = 0;  // that bfloat16 does not hold
  for (std::int64_t c = 0; c < 48; ++c) {
    CHECK(std::abs(head(7, c) - rounded.head(7, c)) <= 0x1p-8 * std::abs(head(7, c)));
    CHECK(std::abs(hidden(7, c) - rounded.hidden(7, c)) <= 0x1p-8 * std::abs(hidden(7, c)));
    for (const double x : {head(7, c), hidden(7, c)})
      others += double(float(BFloat16(float(x)))) != x;
  }
  CHECK(others > 80);
  // Terms are rounded to bfloat16, sums are not.
  const auto of = [](const Values& sums, const std::vector<double>& exact_sums,
                     const std::vector<double>& sizes) {
    visplay::testing::Worst worst;
    for (std::int64_t r = 0; r < sums.rows; ++r)
      for (std::int64_t c = 0; c < sums.columns; ++c) {
        const auto i = std::size_t(r * sums.columns + c);
        worst.add(std::abs(sums(r, c) - exact_sums[i]) / (0x1p-8 * sizes[i]));
      }
    return worst.value;
  };
  CHECK(of(head, exact.head, exact.head_size) < 1);
  CHECK(of(hidden, exact.hidden, exact.hidden_size) < 1);
}

TEST_CASE("linear_log_probs refuses what does not fit") {
  const Example example(FloatType::bfloat16, {4, 16, 100, 0, 1.f});
  ThreadPool pool(1);
  const auto call = [&](auto change) {
    LinearLogProbsInput input = example.input();
    change(input);
    linear_log_probs(input, {}, pool);
  };
  CHECK_THROWS_AS(call([](auto& in) { in.temperature = 0; }), Error);
  CHECK_THROWS_AS(call([](auto& in) { in.vocabulary = 101; }), Error);
  CHECK_THROWS_AS(call([](auto& in) { in.vocabulary = 1; }), Error);  // targets beyond it
  CHECK_THROWS_AS(call([](auto& in) { in.hidden.columns = 15; }), Error);
  CHECK_THROWS_AS(call([](auto& in) { in.hidden.type = FloatType::float32; }), Error);
  CHECK_THROWS_AS(call([](auto& in) { in.targets = in.targets.first(3); }), Error);
  std::vector<float> wrong(3);
  CHECK_THROWS_AS(linear_log_probs(example.input(), {.log_probs = wrong}, pool), Error);
  std::vector<std::int32_t> ids(4 * 101);
  wrong.resize(ids.size());
  const auto top = [&](std::size_t k, std::size_t values, std::size_t of_ids) {
    linear_log_probs(example.input(),
                     {.top_k = k,
                      .top_log_probs = std::span(wrong).first(values),
                      .top_ids = std::span(ids).first(of_ids)},
                     pool);
  };
  CHECK_THROWS_AS(top(101, 404, 404), Error);
  CHECK_THROWS_AS(top(2, 8, 7), Error);
  CHECK_THROWS_AS(top(0, 1, 1), Error);
  std::vector<float> four(4);
  Values hidden(FloatType::bfloat16, 4, 16), head(FloatType::bfloat16, 99, 16);
  const auto backward = [&](std::size_t sums, std::size_t entropies, std::size_t by,
                            const LinearLogProbsGradient& gradient) {
    const std::span<const float> numbers(four);
    linear_log_probs_backward(example.input(), numbers.first(sums), numbers.first(entropies),
                              {numbers.first(by), numbers.first(by)}, gradient, pool);
  };
  CHECK_NOTHROW(backward(4, 4, 4, {hidden.view(), {}}));
  CHECK_THROWS_AS(backward(3, 4, 4, {hidden.view(), {}}), Error);
  CHECK_THROWS_AS(backward(4, 3, 4, {hidden.view(), {}}), Error);
  CHECK_THROWS_AS(backward(4, 4, 3, {hidden.view(), {}}), Error);
  CHECK_THROWS_AS(backward(4, 4, 4, {{}, head.view()}), Error);
}
