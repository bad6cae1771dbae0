#include <visplay/generate/sampler.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <cmath>
#include <map>

using namespace visplay;
using Catch::Matchers::WithinAbs;

namespace {

const std::vector<float> logits{1.f, 3.f, 2.f, 0.f, 2.f};

std::map<std::int64_t, double> frequencies(const SamplingParams& params, int n = 40000) {
  std::map<std::int64_t, double> counts;
  SamplerBuffer buffer;
  Rng rng(1);
  for (int i = 0; i < n; ++i) counts[sample_token(logits, params, rng, buffer).id] += 1. / n;
  return counts;
}

// softmax of the logits at T over the ids that are left.
std::map<std::int64_t, double> shares(double temperature, std::vector<int> left) {
  std::map<std::int64_t, double> p;
  double total = 0;
  for (const int id : left) total += p[id] = std::exp(logits[id] / temperature);
  for (auto& [id, share] : p) share /= total;
  return p;
}

void check_close(const std::map<std::int64_t, double>& seen,
                 const std::map<std::int64_t, double>& expected) {
  CHECK(seen.size() == expected.size());
  for (const auto& [id, share] : expected)
    CHECK_THAT(seen.contains(id) ? seen.at(id) : 0., WithinAbs(share, 0.0125));  // 5 sd
}

}  // namespace

TEST_CASE("tokens come as often as the softmax at the temperature says") {
  check_close(frequencies({}), shares(1, {0, 1, 2, 3, 4}));
  check_close(frequencies({.temperature = 2}), shares(2, {0, 1, 2, 3, 4}));
}

TEST_CASE("top-k keeps ties, top-p keeps the token that crosses it, bans leave nothing") {
  check_close(frequencies({.top_k = 2}), shares(1, {1, 2, 4}));
  check_close(frequencies({.top_p = 0.5}), shares(1, {1}));     // the largest has 0.54
  check_close(frequencies({.top_p = 0.7}), shares(1, {1, 2}));  // ties in order of id
  check_close(frequencies({.banned_ids = {1, 99}}), shares(1, {0, 2, 3, 4}));
}

TEST_CASE("the log-prob is that of the whole distribution, whatever is banned or cut") {
  SamplerBuffer buffer;
  Rng rng(2);
  double total = 0;
  for (const float z : logits) total += std::exp(z / 0.5);
  const auto token =
      sample_token(logits, {.temperature = 0.5, .top_k = 1, .banned_ids = {2}}, rng, buffer);
  CHECK(token.id == 1);
  CHECK_THAT(token.log_prob, WithinAbs(3 / 0.5 - std::log(total), 1e-5));
}

TEST_CASE("greedy takes the first of the largest that are allowed, with the log-prob at 1") {
  SamplerBuffer buffer;
  Rng rng(3);
  CHECK(sample_token(logits, {.temperature = 0}, rng, buffer).id == 1);
  const auto next = sample_token(logits, {.temperature = 0, .banned_ids = {1}}, rng, buffer);
  CHECK(next.id == 2);
  double total = 0;
  for (const float z : logits) total += std::exp(z);
  CHECK_THAT(next.log_prob, WithinAbs(2 - std::log(total), 1e-5));
}
