#include <visplay/core/rng.hpp>
#include <visplay/kernels/attention.hpp>
#include <visplay/kernels/paged_attention.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

using namespace visplay;
using Catch::Matchers::WithinAbs;

TEST_CASE("decoding over pages is the last row of causal attention") {
  const CacheShape shape{.layers = 2, .kv_heads = 2, .head_dim = 16};
  const int heads = 4, length = GENERATE(1, 2, 63, 64, 65, 130);
  Rng rng = Rng(1).fork("length", length);
  const auto fill = [&](int count) {
    std::vector<float> x(count);
    for (auto& value : x) value = float(rng.normal());
    return x;
  };
  const auto q = fill(length * heads * 16), k = fill(length * 32), v = fill(length * 32);

  PagedSequence cache;
  for (int t = 0; t < length; ++t) {
    cache.grow(shape);
    auto& page = *cache.pages.back();
    page.write(1, page.count, k.data() + t * 32, v.data() + t * 32);
    if (t + 1 < length) ++page.count;  // the last token is the one being decoded
  }
  std::vector<float> out(heads * 16);
  const PagedSequence* sequences[] = {&cache};
  paged_attention(sequences, shape, 1, heads, 0.25f, q.data() + (length - 1) * heads * 16,
                  out.data(), 0, 1);

  AttentionLayout layout;
  layout.add_causal(length);
  std::vector<float> all(q.size()), log_sum(length * heads);
  attention_forward(layout, {heads, 2, 16, 0.25f}, q.data(), k.data(), v.data(), all.data(),
                    log_sum.data(), 0, 2);
  for (int i = 0; i < heads * 16; ++i)
    REQUIRE_THAT(out[i], WithinAbs(all[(length - 1) * heads * 16 + i], 1e-5));
}

TEST_CASE("a fork shares full pages and never writes into a page that another holds") {
  const CacheShape shape{1, 1, 8};
  PagedSequence prompt;
  prompt.grow(shape);
  prompt.pages.back()->count = 10;
  PagedSequence a = prompt, b = prompt;
  a.grow(shape);
  CHECK(a.pages.size() == 2);
  CHECK(a.pages.front() == b.pages.front());
  CHECK(b.tokens() == 10);
  a.pages.back()->count = 1;
  CHECK(a.tokens() == 11);
  a.grow(shape);
  CHECK(a.pages.size() == 2);  // its own page has room
}

TEST_CASE("a cache of bfloat16 gives what one of float gives for the same numbers, rounded") {
  const CacheShape wide{.layers = 1, .kv_heads = 2, .head_dim = 20},
      narrow{.layers = 1, .kv_heads = 2, .head_dim = 20, .half = true};
  const int heads = 4, length = 70;
  Rng rng(3);
  PagedSequence floats, halves;
  std::vector<float> k(40), v(40), q(80), out(80);
  std::vector<BFloat16> k16(40), v16(40), q16(80), out16(80);
  const auto fill = [&](std::vector<float>& x, std::vector<BFloat16>& stored) {
    for (std::size_t i = 0; i < x.size(); ++i)
      stored[i] = BFloat16(float(rng.normal())), x[i] = float(stored[i]);
  };
  for (int t = 0; t < length; ++t) {
    fill(k, k16), fill(v, v16);
    floats.grow(wide), halves.grow(narrow);
    floats.pages.back()->write(0, floats.pages.back()->count, k.data(), v.data());
    halves.pages.back()->write(0, halves.pages.back()->count, k16.data(), v16.data());
    if (t + 1 < length) ++floats.pages.back()->count, ++halves.pages.back()->count;
  }
  fill(q, q16);
  const PagedSequence *of_floats[] = {&floats}, *of_halves[] = {&halves};
  paged_attention(of_floats, wide, 0, heads, 0.25f, q.data(), out.data(), 0, 1);
  paged_attention(of_halves, narrow, 0, heads, 0.25f, q16.data(), out16.data(), 0, 1);
  for (int i = 0; i < 80; ++i) CHECK(out16[i].bits == BFloat16(out[i]).bits);
}
