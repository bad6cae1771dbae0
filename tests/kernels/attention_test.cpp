#include <visplay/core/rng.hpp>
#include <visplay/core/simd_level.hpp>
#include <visplay/kernels/attention.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <new>

#include "support/simd_levels.hpp"

// Counts what the kernels allocate: every byte that lives at once.
namespace {
std::size_t bytes_now = 0, bytes_peak = 0;
constexpr std::size_t header = alignof(std::max_align_t);

void* counted(std::size_t size) {
  auto* block = static_cast<std::size_t*>(std::malloc(size + header));
  if (!block) throw std::bad_alloc();
  *block = size;
  bytes_now += size;
  bytes_peak = bytes_now > bytes_peak ? bytes_now : bytes_peak;
  return reinterpret_cast<char*>(block) + header;
}
void uncount(void* pointer) noexcept {
  if (!pointer) return;
  auto* block = reinterpret_cast<std::size_t*>(static_cast<char*>(pointer) - header);
  bytes_now -= *block;
  std::free(block);
}
}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  try {
    return counted(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void operator delete(void* pointer) noexcept { uncount(pointer); }
void operator delete[](void* pointer) noexcept { uncount(pointer); }
void operator delete(void* pointer, std::size_t) noexcept { uncount(pointer); }
void operator delete[](void* pointer, std::size_t) noexcept { uncount(pointer); }
void operator delete(void* pointer, const std::nothrow_t&) noexcept { uncount(pointer); }

using namespace visplay;
using Catch::Matchers::WithinAbs;
using visplay::testing::at_every_level;

namespace {

struct Tensors {
  std::vector<float> q, k, v, grad_out;
};

Tensors random_tensors(const AttentionLayout& layout, const AttentionShape& s, Rng rng) {
  const auto fill = [&](int heads) {
    std::vector<float> x(std::size_t(layout.rows()) * heads * s.head_dim);
    for (auto& value : x) value = float(rng.normal());
    return x;
  };
  return {fill(s.heads), fill(s.kv_heads), fill(s.kv_heads), fill(s.heads)};
}

// The definition, in double, with a mask: the other road.
std::vector<double> dense_attention(const AttentionLayout& layout, const AttentionShape& s,
                                    const std::vector<double>& q, const std::vector<double>& k,
                                    const std::vector<double>& v) {
  const int n = layout.rows(), group = s.heads / s.kv_heads;
  std::vector<double> out(q.size());
  for (int i = 0; i < n; ++i)
    for (int h = 0; h < s.heads; ++h) {
      std::vector<double> p(n, 0.);
      double total = 0;
      const auto& see = layout.visible[i];
      for (int j = 0; j < n; ++j) {
        const bool visible = (j >= see.first_begin && j < see.first_end) ||
                             (j >= see.second_begin && j < see.second_end);
        if (!visible) continue;
        double score = 0;
        for (int d = 0; d < s.head_dim; ++d)
          score += q[(i * s.heads + h) * s.head_dim + d] *
                   k[(j * s.kv_heads + h / group) * s.head_dim + d];
        total += p[j] = std::exp(double(s.scale) * score);
      }
      for (int j = 0; j < n; ++j)
        for (int d = 0; d < s.head_dim; ++d)
          out[(i * s.heads + h) * s.head_dim + d] +=
              p[j] / total * v[(j * s.kv_heads + h / group) * s.head_dim + d];
    }
  return out;
}

std::vector<double> wide(const std::vector<float>& x) { return {x.begin(), x.end()}; }

/// As bfloat16; x becomes the very same numbers.
std::vector<BFloat16> narrow(std::vector<float>& x) {
  std::vector<BFloat16> stored;
  for (auto& value : x) stored.push_back(BFloat16(value)), value = float(stored.back());
  return stored;
}

AttentionLayout mixed_layout() {
  AttentionLayout layout;
  layout.add_causal(7);
  layout.add_window(19);
  const std::int32_t branches[] = {3, 0, 17, 40};
  layout.add_tree(11, branches);
  layout.add_causal(1);
  return layout;
}

}  // namespace

TEST_CASE("attention over trees, windows and sequences is masked dense attention") {
  const auto layout = mixed_layout();
  const auto dim = GENERATE(8, 16, 20, 32, 80);
  const AttentionShape shape{4, 2, dim, float(1 / std::sqrt(dim))};
  const auto t = random_tensors(layout, shape, Rng(1).fork("dim", dim));
  std::vector<float> out(t.q.size()), log_sum(std::size_t(layout.rows()) * shape.heads);
  attention_forward(layout, shape, t.q.data(), t.k.data(), t.v.data(), out.data(), log_sum.data(),
                    0, attention_tasks(layout, shape));
  const auto exact = dense_attention(layout, shape, wide(t.q), wide(t.k), wide(t.v));
  for (std::size_t i = 0; i < out.size(); ++i) REQUIRE_THAT(out[i], WithinAbs(exact[i], 2e-5));
}

TEST_CASE("gradients of attention are central differences of the definition") {
  AttentionLayout layout;
  const std::int32_t branches[] = {2, 4};
  layout.add_tree(3, branches);
  layout.add_window(5);
  const AttentionShape shape{4, 2, 8, 0.35f};
  const auto t = random_tensors(layout, shape, Rng(2));
  std::vector<float> out(t.q.size()), log_sum(std::size_t(layout.rows()) * shape.heads);
  std::vector<float> dq(t.q.size()), dk(t.k.size()), dv(t.v.size());
  const auto tasks = attention_tasks(layout, shape);
  attention_forward(layout, shape, t.q.data(), t.k.data(), t.v.data(), out.data(), log_sum.data(),
                    0, tasks);
  attention_backward(layout, shape, t.q.data(), t.k.data(), t.v.data(), out.data(), log_sum.data(),
                     t.grad_out.data(), dq.data(), dk.data(), dv.data(), 0, tasks);
  const auto loss = [&](const std::vector<double>& q, const std::vector<double>& k,
                        const std::vector<double>& v) {
    const auto result = dense_attention(layout, shape, q, k, v);
    double sum = 0;
    for (std::size_t i = 0; i < result.size(); ++i) sum += result[i] * t.grad_out[i];
    return sum;
  };
  const double step = 1e-5;
  std::vector<double> inputs[] = {wide(t.q), wide(t.k), wide(t.v)};
  const std::vector<float>* gradients[] = {&dq, &dk, &dv};
  for (int which = 0; which < 3; ++which)
    for (std::size_t i = 0; i < inputs[which].size(); i += 3) {
      const double at = inputs[which][i];
      inputs[which][i] = at + step;
      const double above = loss(inputs[0], inputs[1], inputs[2]);
      inputs[which][i] = at - step;
      const double below = loss(inputs[0], inputs[1], inputs[2]);
      inputs[which][i] = at;
      REQUIRE_THAT((*gradients[which])[i], WithinAbs((above - below) / (2 * step), 3e-5));
    }
}

TEST_CASE("segments longer than a block of keys, forward and backward, are dense attention") {
  AttentionLayout layout;
  const std::int32_t branches[] = {70, 5, 300};
  layout.add_tree(330, branches);
  layout.add_window(290);
  const AttentionShape shape{2, 1, 8, 0.35f};
  const auto t = random_tensors(layout, shape, Rng(5));
  std::vector<float> out(t.q.size()), log_sum(std::size_t(layout.rows()) * shape.heads);
  std::vector<float> dq(t.q.size()), dk(t.k.size()), dv(t.v.size());
  const auto tasks = attention_tasks(layout, shape);
  attention_forward(layout, shape, t.q.data(), t.k.data(), t.v.data(), out.data(), log_sum.data(),
                    0, tasks);
  attention_backward(layout, shape, t.q.data(), t.k.data(), t.v.data(), out.data(), log_sum.data(),
                     t.grad_out.data(), dq.data(), dk.data(), dv.data(), 0, tasks);
  const auto loss = [&](const std::vector<double>& k, const std::vector<double>& v) {
    const auto result = dense_attention(layout, shape, wide(t.q), k, v);
    double sum = 0;
    for (std::size_t i = 0; i < result.size(); ++i) sum += result[i] * t.grad_out[i];
    return sum;
  };
  const auto exact = dense_attention(layout, shape, wide(t.q), wide(t.k), wide(t.v));
  for (std::size_t i = 0; i < out.size(); ++i) REQUIRE_THAT(out[i], WithinAbs(exact[i], 2e-5));
  for (const std::size_t i : {0u, 1000u, 2600u, 3301u, 6100u, 7900u}) {
    auto k = wide(t.k), v = wide(t.v);
    const double step = 1e-5;
    k[i] += step, v[i] += step;
    const double k_above = loss(k, wide(t.v)), v_above = loss(wide(t.k), v);
    k[i] -= 2 * step, v[i] -= 2 * step;
    const double k_below = loss(k, wide(t.v)), v_below = loss(wide(t.k), v);
    CHECK_THAT(dk[i], WithinAbs((k_above - k_below) / (2 * step), 5e-5));
    CHECK_THAT(dv[i], WithinAbs((v_above - v_below) / (2 * step), 5e-5));
  }
}

TEST_CASE("attention of bfloat16 without AMX is that of the same numbers in float, rounded once") {
  set_simd_level(std::min(best_simd_level(), SimdLevel::avx512_bf16));
  const auto layout = mixed_layout();
  const AttentionShape shape{4, 2, 20, 0.25f};
  auto t = random_tensors(layout, shape, Rng(6));
  const auto q = narrow(t.q), k = narrow(t.k), v = narrow(t.v), g = narrow(t.grad_out);
  std::vector<float> out(t.q.size()), log_sum(std::size_t(layout.rows()) * shape.heads),
      dq(t.q.size()), dk(t.k.size()), dv(t.v.size());
  std::vector<BFloat16> out16(q.size()), dq16(q.size()), dk16(k.size()), dv16(v.size());
  const auto tasks = attention_tasks(layout, shape);
  attention_forward(layout, shape, q.data(), k.data(), v.data(), out16.data(), log_sum.data(), 0,
                    tasks);
  attention_forward(layout, shape, t.q.data(), t.k.data(), t.v.data(), out.data(), log_sum.data(),
                    0, tasks);
  for (std::size_t i = 0; i < out.size(); ++i) REQUIRE(out16[i].bits == BFloat16(out[i]).bits);
  narrow(out);  // what the backward pass of bfloat16 is given
  attention_backward(layout, shape, q.data(), k.data(), v.data(), out16.data(), log_sum.data(),
                     g.data(), dq16.data(), dk16.data(), dv16.data(), 0, tasks);
  attention_backward(layout, shape, t.q.data(), t.k.data(), t.v.data(), out.data(), log_sum.data(),
                     t.grad_out.data(), dq.data(), dk.data(), dv.data(), 0, tasks);
  for (std::size_t i = 0; i < dq.size(); ++i) REQUIRE(dq16[i].bits == BFloat16(dq[i]).bits);
  for (std::size_t i = 0; i < dk.size(); ++i) REQUIRE(dk16[i].bits == BFloat16(dk[i]).bits);
  for (std::size_t i = 0; i < dv.size(); ++i) REQUIRE(dv16[i].bits == BFloat16(dv[i]).bits);
  set_simd_level(best_simd_level());
}

TEST_CASE("attention of bfloat16 is off by the rounding of its weights and of its result") {
  const auto dim = GENERATE(8, 20, 64, 80, 128);
  auto layout = mixed_layout();
  const std::int32_t branches[] = {37, 5, 300};
  layout.add_tree(290, branches);
  const AttentionShape shape{4, 2, dim, float(1 / std::sqrt(dim))};
  auto t = random_tensors(layout, shape, Rng(7).fork("dim", dim));
  const auto q = narrow(t.q), k = narrow(t.k), v = narrow(t.v);
  const auto exact = dense_attention(layout, shape, wide(t.q), wide(t.k), wide(t.v));
  auto sizes = wide(t.v);
  for (double& x : sizes) x = std::abs(x);
  const auto size = dense_attention(layout, shape, wide(t.q), wide(t.k), sizes);  // sum p |v|
  std::vector<float> float_out(q.size()), float_log_sum(std::size_t(layout.rows()) * shape.heads);
  const auto tasks = attention_tasks(layout, shape);
  attention_forward(layout, shape, t.q.data(), t.k.data(), t.v.data(), float_out.data(),
                    float_log_sum.data(), 0, tasks);
  at_every_level([&] {
    std::vector<BFloat16> out(q.size());
    std::vector<float> log_sum(float_log_sum.size());
    attention_forward(layout, shape, q.data(), k.data(), v.data(), out.data(), log_sum.data(), 0,
                      tasks);
    for (std::size_t i = 0; i < out.size(); ++i)
      REQUIRE_THAT(float(out[i]),
                   WithinAbs(exact[i], 0x1p-8 * (std::abs(exact[i]) + size[i]) + 1e-5));
    for (std::size_t i = 0; i < log_sum.size(); ++i)
      REQUIRE_THAT(log_sum[i], WithinAbs(float_log_sum[i], 1e-5));
  });
}

TEST_CASE("attention of many rows needs memory for the rows, not for their pairs") {
  // 8192 rows: all pairs would be 256 MiB in float.
  AttentionLayout layout;
  layout.add_window(8192);
  const AttentionShape shape{1, 1, 16, 0.25f};
  const auto t = random_tensors(layout, shape, Rng(4));
  std::vector<float> out(t.q.size()), log_sum(8192), dq(t.q.size()), dk(t.k.size()), dv(t.v.size());
  const std::size_t before = bytes_peak = bytes_now;
  attention_forward(layout, shape, t.q.data(), t.k.data(), t.v.data(), out.data(), log_sum.data(),
                    0, 1);
  const std::size_t forward = bytes_peak - before;
  attention_backward(layout, shape, t.q.data(), t.k.data(), t.v.data(), out.data(), log_sum.data(),
                     t.grad_out.data(), dq.data(), dk.data(), dv.data(), 0, 1);
  const std::size_t rows = 8192 * 16 * sizeof(float);
  CHECK(forward > 0);
  CHECK(forward < 3 * rows);              // keys and values, and blocks of fixed size
  CHECK(bytes_peak - before < 6 * rows);  // both, twice laid out, and their gradients
}

TEST_CASE("tasks can be run in any split with the same bits") {
  const auto layout = mixed_layout();
  const AttentionShape shape{4, 2, 16, 0.25f};
  const auto t = random_tensors(layout, shape, Rng(3));
  const auto tasks = attention_tasks(layout, shape);
  const auto run = [&](std::vector<std::int64_t> cuts) {
    std::vector<float> out(t.q.size()), log_sum(std::size_t(layout.rows()) * shape.heads);
    for (std::size_t c = cuts.size() - 1; c > 0; --c)
      attention_forward(layout, shape, t.q.data(), t.k.data(), t.v.data(), out.data(),
                        log_sum.data(), cuts[c - 1], cuts[c]);
    return out;
  };
  CHECK(run({0, tasks}) == run({0, 1, 3, tasks}));
}
