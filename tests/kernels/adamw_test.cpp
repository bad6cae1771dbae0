#include <visplay/core/error.hpp>
#include <visplay/core/rng.hpp>
#include <visplay/core/simd_level.hpp>
#include <visplay/kernels/adamw.hpp>
#include <visplay/kernels/adamw_pass.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "support/worst.hpp"

using namespace visplay;
using namespace visplay::adamw_detail;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

namespace {

std::vector<SimdLevel> levels() {
  std::vector<SimdLevel> all;
  for (int level = 0; level <= int(best_simd_level()); ++level) all.push_back(SimdLevel(level));
  return all;
}

struct AtLevel {
  explicit AtLevel(SimdLevel level) { set_simd_level(level); }
  ~AtLevel() { set_simd_level(best_simd_level()); }
};

std::vector<float> normals(Rng rng, std::size_t n, double scale = 1) {
  std::vector<float> x(n);
  for (float& value : x) value = float(scale * rng.normal());
  return x;
}

/// Tensors of awkward sizes: partial packs, partial blocks, several tasks.
const std::vector<std::size_t> sizes{1, 15, 127, 128, 129, 1000, 70001};

struct Floats {
  std::vector<std::vector<float>> weights, gradients, first, second;
  Floats() {
    for (const std::size_t n : sizes) {
      weights.push_back(normals(Rng(1).fork("w", n), n));
      gradients.emplace_back(n);
      first.emplace_back(n);
      second.emplace_back(n);
    }
  }
  void draw(int step) {
    for (std::size_t i = 0; i < sizes.size(); ++i)
      gradients[i] = normals(Rng(2).fork("step", std::uint64_t(step)).fork("tensor", i), sizes[i],
                             std::pow(10., double(i) - 3));
  }
  std::vector<AdamWTensor> views() {
    std::vector<AdamWTensor> all;
    for (std::size_t i = 0; i < sizes.size(); ++i)
      all.push_back({weights[i], gradients[i], first[i], second[i], i % 2 == 0 ? 0.1f : 0.f});
    return all;
  }
};

struct Compact {
  std::vector<std::vector<BFloat16>> weights, gradients;
  std::vector<CompactMoments> moments;
  Compact() {
    for (const std::size_t n : sizes) {
      weights.push_back(rounded(normals(Rng(1).fork("w", n), n)));
      gradients.emplace_back(n);
      moments.emplace_back(n);
    }
  }
  static std::vector<BFloat16> rounded(const std::vector<float>& x) { return {x.begin(), x.end()}; }
  void draw(int step) {
    Floats floats;
    floats.draw(step);
    for (std::size_t i = 0; i < sizes.size(); ++i) gradients[i] = rounded(floats.gradients[i]);
  }
  std::vector<CompactAdamWTensor> views() {
    std::vector<CompactAdamWTensor> all;
    for (std::size_t i = 0; i < sizes.size(); ++i)
      all.push_back({weights[i], gradients[i], &moments[i], i % 2 == 0 ? 0.1f : 0.f});
    return all;
  }
};

template <class State>
double take(State& state, const AdamWStep& step, ThreadPool& pool) {
  const auto views = state.views();
  return adamw_step(std::span(std::as_const(views)), step, pool);
}

/// Whether an element is worth a comparison in double: of a long tensor those at its ends and where one task
/// ends.
bool compared(std::size_t tensor, std::size_t j) {
  constexpr std::size_t some = 50, task = 32768;
  const std::size_t n = sizes[tensor];
  return n <= 1000 || j < some || j + some >= n || (j + some >= task && j < task + some);
}

bool same(const std::vector<BFloat16>& a, const std::vector<BFloat16>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), 2 * a.size()) == 0;
}

}  // namespace

TEST_CASE("three hundred float32 steps follow the formula in double at every level") {
  for (const SimdLevel level : levels()) {
    const AtLevel at(level);
    Floats state;
    auto weights = std::vector<std::vector<double>>(), first = weights, second = weights;
    for (const auto& w : state.weights) {
      weights.emplace_back(w.begin(), w.end());
      first.emplace_back(w.size());
      second.emplace_back(w.size());
    }
    ThreadPool pool(2);
    visplay::testing::Worst largest_move, largest_error;
    for (int step = 1; step <= 300; ++step) {
      state.draw(step);
      const AdamWStep settings{.step = step, .learning_rate = 1e-3, .max_grad_norm = 1};
      const double norm = take(state, settings, pool);
      double squares = 0;
      for (const auto& g : state.gradients)
        for (const float x : g) squares += double(x) * x;
      REQUIRE_THAT(norm, WithinRel(std::sqrt(squares), 1e-6));
      const double scale = 1 / (std::sqrt(squares) + 1e-6);
      for (std::size_t i = 0; i < sizes.size(); ++i)
        for (std::size_t j = 0; j < sizes[i]; ++j) {
          if (!compared(i, j)) continue;
          const double g = scale * double(state.gradients[i][j]);
          double &m = first[i][j], &v = second[i][j], &w = weights[i][j];
          m = 0.9 * m + 0.1 * g;
          v = 0.999 * v + 0.001 * g * g;
          // In float, as torch has it: what 0.9999 loses there adds up to more than all else.
          const double keep = i % 2 == 0 ? double(float(1 - 1e-3 * double(0.1f))) : 1;
          w = keep * w - 1e-3 * (m / (1 - std::pow(0.9, step))) /
                             (std::sqrt(v / (1 - std::pow(0.999, step))) + 1e-8);
        }
    }
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const std::vector<float> start = normals(Rng(1).fork("w", sizes[i]), sizes[i]);
      for (std::size_t j = 0; j < sizes[i]; ++j) {
        if (!compared(i, j)) continue;
        largest_move.add(std::abs(weights[i][j] - double(start[j])));
        largest_error.add(std::abs(weights[i][j] - double(state.weights[i][j])));
      }
    }
    CAPTURE(name_of(level));
    CHECK(largest_move.value > 0.01);
    // 300 roundings of weights up to 4, each within 1.2e-7: five standard deviations of their sum.
    CHECK(largest_error.value < 6e-6);
  }
}

TEST_CASE("AdamW is the same to the bit for one and two threads, and again") {
  for (const SimdLevel level : levels()) {
    const AtLevel at(level);
    Floats floats[2];
    Compact compact[2];
    for (int threads = 1; threads <= 2; ++threads) {
      ThreadPool pool(threads);
      for (int step = 1; step <= 5; ++step) {
        const AdamWStep settings{.step = step, .learning_rate = 1e-2, .max_grad_norm = 1, .key = 9};
        floats[threads - 1].draw(step);
        compact[threads - 1].draw(step);
        take(floats[threads - 1], settings, pool);
        take(compact[threads - 1], settings, pool);
      }
    }
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      CHECK(floats[0].weights[i] == floats[1].weights[i]);
      CHECK(floats[0].second[i] == floats[1].second[i]);
      CHECK(same(compact[0].weights[i], compact[1].weights[i]));
      CHECK(compact[0].moments[i].first == compact[1].moments[i].first);
      CHECK(compact[0].moments[i].second == compact[1].moments[i].second);
    }
  }
}

TEST_CASE("a norm that is not finite changes nothing") {
  ThreadPool pool(1);
  Floats floats;
  Compact compact;
  floats.draw(1);
  compact.draw(1);
  floats.gradients[5][7] = std::numeric_limits<float>::quiet_NaN();
  compact.gradients[6][70000] = BFloat16(std::numeric_limits<float>::infinity());
  CHECK(std::isnan(take(floats, {}, pool)));
  CHECK(std::isinf(take(compact, {}, pool)));
  CHECK(floats.weights == Floats().weights);
  CHECK(floats.first == Floats().first);
  CHECK(same(compact.weights[6], Compact().weights[6]));
  CHECK(compact.moments[6].second == Compact().moments[6].second);
}

TEST_CASE("no gradient is a gradient of zeros") {
  ThreadPool pool(1);
  Floats with, without;
  with.draw(1), without.draw(1);
  take(with, {}, pool), take(without, {}, pool);
  for (auto& g : with.gradients) g.assign(g.size(), 0.f);
  auto views = without.views();
  for (auto& view : views) view.gradients = {};
  take(with, {.step = 2}, pool);
  adamw_step(std::span<const AdamWTensor>(views), {.step = 2}, pool);
  CHECK(with.weights == without.weights);
  CHECK(with.first == without.first);

  Compact zeros, none;
  zeros.draw(1), none.draw(1);
  take(zeros, {}, pool), take(none, {}, pool);
  for (auto& g : zeros.gradients) g.assign(g.size(), BFloat16(0.f));
  auto compact_views = none.views();
  for (auto& view : compact_views) view.gradients = {};
  take(zeros, {.step = 2}, pool);
  adamw_step(std::span<const CompactAdamWTensor>(compact_views), {.step = 2}, pool);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    CHECK(same(zeros.weights[i], none.weights[i]));
    CHECK(zeros.moments[i].first == none.moments[i].first);
    CHECK(zeros.moments[i].second == none.moments[i].second);
  }
}

TEST_CASE("shards take a step by the norm of all gradients") {
  ThreadPool pool(2);
  Floats whole, shards;
  whole.draw(1), shards.draw(1);
  const double norm = take(whole, {.max_grad_norm = 0.5}, pool);
  const auto views = shards.views();
  const auto a = std::span(views).first(3), b = std::span(views).subspan(3);
  CHECK_THAT(std::hypot(gradient_norm(a, pool), gradient_norm(b, pool)), WithinRel(norm, 1e-7));
  for (const auto& shard : {a, b})
    CHECK(adamw_step(shard, {.max_grad_norm = 0.5, .grad_norm = norm}, pool) == norm);
  CHECK(shards.weights == whole.weights);
  CHECK(shards.second == whole.second);

  // A rank whose own gradients are finite skips the step that others skip.
  const double infinite = std::numeric_limits<double>::infinity();
  CHECK(adamw_step(a, {.step = 2, .grad_norm = infinite}, pool) == infinite);
  CHECK(shards.weights == whole.weights);
}

TEST_CASE("what does not fit is refused by name") {
  ThreadPool pool(1);
  std::vector<float> four(4), three(3);
  const auto refused = [&](const AdamWTensor& tensor, const AdamWStep& step, const char* message) {
    CHECK_THROWS_WITH(adamw_step(std::span(&tensor, 1), step, pool), message);
  };
  refused({four, three, four, four, 0}, {}, "adamw: tensor 0: expected 4 gradients, got 3");
  refused({four, four, three, four, 0}, {}, "adamw: tensor 0: expected 4 first moments, got 3");
  refused({four, four, four, three, 0}, {}, "adamw: tensor 0: expected 4 second moments, got 3");
  const AdamWTensor fits{four, four, four, four, 0};
  refused(fits, {.step = 0}, "adamw: expected a step in [1, 2^32), got 0");
  refused(fits, {.grad_norm = -1}, "adamw: expected a gradient norm from 0 on, got -1");

  std::vector<BFloat16> some(4);
  CompactMoments moments(3);
  const auto refused_compact = [&](CompactMoments* of, const char* message) {
    const CompactAdamWTensor tensor{some, some, of, 0};
    CHECK_THROWS_WITH(adamw_step(std::span(&tensor, 1), {}, pool), message);
  };
  refused_compact(nullptr, "adamw: tensor 0 has no moments");
  refused_compact(&moments, "adamw: tensor 0: expected 4 first moments, got 3");
  moments = CompactMoments(4);
  moments.second_exponents.clear();
  refused_compact(&moments, "adamw: tensor 0: expected 1 second exponents, got 0");
}

TEST_CASE("registers of random bits are those of the formula") {
  constexpr std::array<std::uint32_t, 2> stream{3, 4};
  constexpr std::uint64_t key = 0xABCDEF0123456789ull, group = 0x123456789Aull;
  PackBits sequences[sequence_packs];
  begin_sequences(group, stream, key, sequences);
  for (int w = 0; w < random_words; ++w) {
    PackBits& at = sequences[w / Pack::lanes % sequence_packs];
    CHECK(at[w % Pack::lanes] == random_word(group, stream, key, w));
    if (w % Pack::lanes == Pack::lanes - 1) at = next_random(at);
  }
}

TEST_CASE(
    "random bits of neighbours, groups, steps and tensors have nothing to do with each other") {
  // Correlation of 2^16 pairs of uniform numbers: a standard deviation is 2^-8.
  constexpr int pairs = 1 << 16;
  using Bits = std::uint32_t;
  const auto correlation = [](auto one, auto other) {
    double sum = 0;
    for (int i = 0; i < pairs; ++i) {
      const Bits group = Bits(i) / random_words;
      const int w = i % random_words;
      sum += 12 * (one(group, w) - 0.5) * (other(group, w) - 0.5);
    }
    return sum / pairs;
  };
  const auto fraction = [](Bits x) { return double(x) * 0x1p-32; };
  const auto word = [&](Bits g, int w) { return fraction(random_word(g, {1, 1}, 7, w)); };
  const auto near_zero = WithinAbs(0, 4 * 0x1p-8);
  for (const int away : {1, 8, 16, 32})
    CHECK_THAT(correlation(word, [&](Bits g, int w) { return word(g, (w + away) % random_words); }),
               near_zero);
  CHECK_THAT(correlation(word, [&](Bits g, int w) { return word(g + 1, w); }), near_zero);
  const auto of = [&](std::array<Bits, 2> stream, std::uint64_t key) {
    return [=](Bits g, int w) { return fraction(random_word(g, stream, key, w)); };
  };
  CHECK_THAT(correlation(word, of({2, 1}, 7)), near_zero);
  CHECK_THAT(correlation(word, of({1, 2}, 7)), near_zero);
  CHECK_THAT(correlation(word, of({1, 1}, 8)), near_zero);

  // An element's three numbers share lower bits, a sixteenth of what they are.
  const auto hardly = WithinAbs(0, 1. / 16 + 4 * 0x1p-8);
  for (const bool odd : {false, true}) {
    const auto bits = [=](Bits g, int w) {
      const Bits x = random_word(g, {1, 1}, 7, w);
      return odd ? bits_of_odd<std::int32_t>(x) : bits_of_even<std::int32_t>(x);
    };
    const auto weight = [=](Bits g, int w) { return double(bits(g, w).weight) * 0x1p-16; };
    const auto first = [=](Bits g, int w) { return double(bits(g, w).first) * 0x1p-20; };
    const auto second = [=](Bits g, int w) { return double(bits(g, w).second) * 0x1p-20; };
    CHECK_THAT(correlation(weight, weight), WithinAbs(1, 0.02));
    CHECK_THAT(correlation(weight, first), hardly);
    CHECK_THAT(correlation(weight, second), hardly);
    CHECK_THAT(correlation(first, second), hardly);
  }
}

TEST_CASE("rounding to bfloat16 is exact in the mean over all random bits") {
  Rng rng(3);
  for (int turn = 0; turn < 20; ++turn) {
    const auto x = float(rng.normal());
    double mean = 0;
    for (std::int32_t random = 0; random < 65536; ++random)
      mean += double(std::bit_cast<float>(round_to_bfloat16(x, random) & ~0xFFFF)) / 65536;
    CHECK_THAT(mean, WithinRel(double(x), 1e-9));
  }
}

TEST_CASE("a moment's code is one of the two around it, and exact in the mean") {
  Rng rng(4);
  for (const float largest : {1.f, 1.99f, 3e-7f, 2e-20f, 3e38f}) {
    const auto bits = std::bit_cast<std::int32_t>(largest);
    const std::int32_t first_e = first_exponent(bits), second_e = second_exponent(bits);
    CompactMoments code(1);
    code.first_exponents[0] = std::uint8_t(first_e);
    code.second_exponents[0] = std::uint8_t(second_e);
    REQUIRE((first_e <= 255 && second_e <= 255));
    const auto first_inverse = inverse_grain_of<float>(first_e);
    const auto second_inverse = inverse_grain_of<float>(second_e);
    for (int turn = 0; turn < 60; ++turn) {
      const float x = turn == 0 ? largest : largest * float(std::pow(10., rng.uniform(-6, 0)));
      // Of m: an eighth of its size and of 2^(E - 119), where codes begin to be evenly spaced.
      const double step = (double(x) + std::ldexp(2., first_e - 120)) / 8 * 1.01;
      double first_mean = 0, second_mean = 0;
      for (std::int32_t random = 0; random < 65536; ++random) {
        const auto m =
            std::uint8_t(narrow_first(encode_first(-x, first_inverse, random << 4) >> 16));
        const std::int32_t v = narrow_second(encode_second(x, second_inverse, random << 4) >> 16);
        if ((m & 0x80) == 0 || v < 0 || v > 255) FAIL("code out of range");
        code.first[0] = m, code.second[0] = std::uint8_t(v);
        const double first = double(code.first_at(0)), second = double(code.second_at(0));
        if (std::abs(first + double(x)) > step) FAIL(first << " for " << -x);
        if (std::abs(second - double(x)) > double(x) / 8 * 1.01) FAIL(second << " for " << x);
        first_mean += first / 65536, second_mean += second / 65536;
      }
      // 16 of 20 random bits are gone through: within 2^-16 of a step.
      CHECK_THAT(first_mean, WithinAbs(-double(x), step / 65536));
      CHECK_THAT(second_mean, WithinRel(double(x), 1e-5));
    }
  }
}

TEST_CASE("every code stands for another number, in order, and goes back to itself") {
  CompactMoments code(1);
  code.first_exponents[0] = code.second_exponents[0] = 100;
  const auto inverse = inverse_grain_of<float>(std::int32_t(100));
  float before_m = -1, before_v = 0;
  for (int c = 0; c < 256; ++c) {
    code.second[0] = std::uint8_t(c);
    const float v = code.second_at(0);
    CHECK(v > before_v);
    CHECK(narrow_second(encode_second(v, inverse, 0xFFFFF) >> 16) == c);
    before_v = v;
    if (c > 127) continue;
    code.first[0] = std::uint8_t(c);
    const float m = code.first_at(0);
    CHECK(m > before_m);
    CHECK(m == (c == 0 ? 0.f : std::abs(m)));
    CHECK(std::uint8_t(narrow_first(encode_first(m, inverse, 0xFFFFF) >> 16)) == c);
    code.first[0] = std::uint8_t(c | 0x80);
    CHECK(code.first_at(0) == -m);
    before_m = m;
  }
  CHECK_THAT(before_m, WithinRel(std::ldexp(2.f, 100 - 120) * (std::ldexp(1.875f, 15) - 1), 1e-6f));
}

TEST_CASE("a compact step is the formula, rounded to a neighbour, at every level") {
  for (const SimdLevel level : levels()) {
    const AtLevel at(level);
    ThreadPool pool(1);
    Compact state;
    for (int step = 1; step <= 4; ++step) {
      state.draw(step);
      const Compact before = state;
      const AdamWStep settings{.step = step, .learning_rate = 1e-2, .max_grad_norm = 1, .key = 5};
      const double norm = take(state, settings, pool);
      for (std::size_t i = 0; i < sizes.size(); ++i)
        for (std::size_t j = 0; j < std::min<std::size_t>(sizes[i], 500); ++j) {
          const double g = double(before.gradients[i][j]) / (norm + 1e-6);
          const double m = 0.9 * double(before.moments[i].first_at(j)) + 0.1 * g;
          const double v = 0.999 * double(before.moments[i].second_at(j)) + 0.001 * g * g;
          const double w = (1 - (i % 2 == 0 ? 1e-3 : 0)) * double(before.weights[i][j]) -
                           1e-2 * (m / (1 - std::pow(0.9, step))) /
                               (std::sqrt(v / (1 - std::pow(0.999, step))) + 1e-8);
          const double gap = std::abs(w) / 128 + 1e-6;
          const std::size_t block = j / compact_block;
          const double unit = std::ldexp(2., state.moments[i].first_exponents[block] - 120);
          if (!(std::abs(double(state.weights[i][j]) - w) <= gap)) FAIL("weight " << i << ' ' << j);
          if (!(std::abs(double(state.moments[i].first_at(j)) - m) <=
                1.01 * (std::abs(m) + unit) / 8))
            FAIL("first moment " << i << ' ' << j);
          const double floor = std::ldexp(2., state.moments[i].second_exponents[block] - 120) / 8;
          if (!(std::abs(double(state.moments[i].second_at(j)) - v) <= 1.01 * v / 8 + floor))
            FAIL("second moment " << i << ' ' << j);
        }
    }
    SUCCEED();
  }
}

TEST_CASE("a whole block's exponent is at most one above what its largest moment needs") {
  for (const SimdLevel level : levels()) {
    const AtLevel at(level);
    ThreadPool pool(1);
    Compact state;
    for (int step = 1; step <= 20; ++step) {
      state.draw(step);
      if (step > 10)  // one block's gradients come and go by a factor of a million
        for (std::size_t j = 0; j < 128; ++j)
          state.gradients[5][j] =
              BFloat16(float(state.gradients[5][j]) * (step % 2 == 0 ? 1e3f : 1e-3f));
      take(state, {.step = step}, pool);
      for (std::size_t i = 0; i < sizes.size(); ++i) {
        const CompactMoments& moments = state.moments[i];
        for (std::size_t block = 0; block < sizes[i] / 128; ++block) {
          float first = 0, second = 0;
          for (std::size_t j = block * 128; j < (block + 1) * 128; ++j) {
            first = std::max(first, std::abs(moments.first_at(j)));
            second = std::max(second, moments.second_at(j));
          }
          const auto unrounded = [](float x) { return std::bit_cast<std::int32_t>(x * 1.125f); };
          const std::int32_t m = first_exponent(unrounded(first));
          const std::int32_t v = second_exponent(unrounded(second));
          if (moments.first_exponents[block] > m + 1 || moments.second_exponents[block] > v + 1)
            FAIL("exponents " << int(moments.first_exponents[block]) << " for " << m << ", "
                              << int(moments.second_exponents[block]) << " for " << v);
        }
      }
    }
    SUCCEED();
  }
}

TEST_CASE("zero and huge gradients leave finite weights and moments") {
  for (const SimdLevel level : levels()) {
    const AtLevel at(level);
    ThreadPool pool(1);
    constexpr std::size_t n = 700;
    std::vector<BFloat16> weights(n, BFloat16(1.5f)), gradients(n);
    CompactMoments moments(n);
    for (std::size_t i = 0; i < n; ++i)
      CHECK((moments.first_at(i) == 0 && moments.second_at(i) == 0x1p-122f));
    const CompactAdamWTensor tensor{weights, gradients, &moments, 0};
    for (int step = 1; step <= 3; ++step)  // zeros: nothing moves
      adamw_step(std::span(&tensor, 1), {.step = step, .learning_rate = 1e-2}, pool);
    for (const BFloat16 w : weights) CHECK(float(w) == 1.5f);
    for (std::size_t i = 0; i < n; i += 3) gradients[i] = BFloat16(i % 2 == 0 ? 1e18f : -1e18f);
    const double norm = adamw_step(std::span(&tensor, 1), {.step = 4, .learning_rate = 1e-2}, pool);
    CHECK(std::isfinite(norm));
    CHECK(moments.first_at(0) > 1e16f);
    std::fill(gradients.begin(), gradients.end(), BFloat16(0.f));
    for (int step = 5; step <= 8; ++step)
      adamw_step(std::span(&tensor, 1), {.step = step, .learning_rate = 1e-2}, pool);
    for (std::size_t i = 0; i < n; ++i) {
      CHECK(std::isfinite(float(weights[i])));
      CHECK((std::isfinite(moments.first_at(i)) && std::isfinite(moments.second_at(i))));
    }
  }
}

TEST_CASE("steps far below a weight's resolution move it in the mean") {
  ThreadPool pool(1);
  std::vector<BFloat16> weights(4096, BFloat16(1.f)), gradients(4096, BFloat16(1.f));
  CompactMoments moments(4096);
  const CompactAdamWTensor tensor{weights, gradients, &moments, 0};
  for (int step = 1; step <= 500; ++step)
    adamw_step(std::span(&tensor, 1), {.step = step, .learning_rate = 2e-5}, pool);
  double mean = 0;
  for (const BFloat16 w : weights) mean += double(w) / 4096;
  // 500 steps of 2e-5; one step below 1 is 1/256, so the mean scatters by 0.0020 / sqrt(4096). The
  // noise of v makes 1 / sqrt(v) larger by up to 3/8 of its relative variance.
  CHECK_THAT(mean, WithinAbs(1 - 500 * 2e-5, 5e-4));
}

TEST_CASE("bfloat16 weights and 8-bit moments learn as float32 does") {
  // Least squares with noisy gradients: 256 weights, loss sum_i c_i (w_i - a_i)^2 / 2 with curvatures
  // over two decades.
  constexpr std::size_t n = 256;
  const auto target = normals(Rng(6).fork("target"), n);
  const auto curvature = [](std::size_t i) { return std::pow(100., -double(i) / n); };
  const auto loss = [&](const auto& weights) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i)
      sum += curvature(i) * std::pow(double(weights[i]) - double(target[i]), 2) / 2;
    return sum / n;
  };
  ThreadPool pool(1);
  std::vector<float> weights(n), gradients(n), first(n), second(n);
  std::vector<BFloat16> short_weights(n), short_gradients(n);
  CompactMoments moments(n);
  const AdamWTensor plain{weights, gradients, first, second, 0};
  const CompactAdamWTensor compact{short_weights, short_gradients, &moments, 0};
  const double start = loss(weights);
  double mean = 0, compact_mean = 0;  // of the last hundred steps
  for (int step = 1; step <= 2000; ++step) {
    Rng noise = Rng(7).fork("step", std::uint64_t(step));
    for (std::size_t i = 0; i < n; ++i) {
      const double random = 0.3 * noise.normal();
      gradients[i] = float(curvature(i) * (double(weights[i]) - double(target[i])) + random);
      short_gradients[i] =
          BFloat16(float(curvature(i) * (double(short_weights[i]) - double(target[i])) + random));
    }
    const AdamWStep settings{.step = step, .learning_rate = 1e-2 * (1 - step / 2001.)};
    adamw_step(std::span(&plain, 1), settings, pool);
    adamw_step(std::span(&compact, 1), settings, pool);
    if (step > 1900) {
      mean += loss(weights) / 100;
      compact_mean += loss(short_weights) / 100;
    }
  }
  CAPTURE(start, mean, compact_mean);
  CHECK(mean < start / 30);
  CHECK(compact_mean < 1.25 * mean);
}
