// What every launcher of visplay::cuda must give: that of the CPU's kernel. Memory<T> is memory that the
// launchers work on: a GPU's (cuda_device_check.cpp), or the host's behind a Stream that runs kernels on
// the host executor (cuda_launch_test.cpp).
#pragma once

#include <visplay/advantage/group_relative.hpp>
#include <visplay/core/rng.hpp>
#include <visplay/kernels/cuda/evaluate.hpp>
#include <visplay/kernels/cuda/launch.hpp>
#include <visplay/loss/group_loss.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cuda_custom_loss.hpp"

namespace visplay::testing {

template <class T = float>
[[nodiscard]] std::vector<T> normals(std::string_view name, std::size_t n, double scale = 1) {
  Rng rng = Rng(1).fork(name);
  std::vector<T> x(n);
  for (T& value : x) value = T(float(scale * rng.normal()));
  return x;
}
[[nodiscard]] inline std::vector<std::int64_t> targets_below(std::size_t n,
                                                             std::size_t vocabulary) {
  Rng rng(2);
  std::vector<std::int64_t> targets(n);
  for (auto& target : targets) target = std::int64_t(rng.below(vocabulary));
  targets[n / 2] = -1;
  return targets;
}

/// In units of the largest of `expected`; a NaN stays.
template <class A, class B>
[[nodiscard]] double difference(const std::vector<A>& ours, const std::vector<B>& expected) {
  double worst = 0, size = 1e-30;
  for (const B x : expected) size = std::max(size, std::abs(double(float(x))));
  for (std::size_t i = 0; i < ours.size(); ++i)
    if (const double d = std::abs(double(float(ours[i])) - double(float(expected[i])));
        !(d <= worst))
      worst = d;
  return worst / size;
}

template <class Number>
constexpr const char* name_of_type = sizeof(Number) == 4 ? "float32" : "bfloat16";

template <class Number>
FloatMatrix matrix(const Number* data, std::int64_t rows, std::int64_t columns) {
  return {data, sizeof(Number) == 4 ? FloatType::float32 : FloatType::bfloat16, rows, columns,
          columns};
}
inline MutableFloatMatrix writable(const FloatMatrix& m) {
  return {const_cast<void*>(m.data), m.type, m.rows, m.columns, m.stride};
}

/// A policy's completions: what turns log-probs into coefficients.
struct Completions {
  std::vector<std::int64_t> offsets{0, 40, 100, 101, 200};
  std::vector<float> advantages{1, -1, 0.5f, -0.5f};
};

/// Of one launcher each; add(name, difference, allowed) takes what they find.
template <template <class> class Memory>
class CudaLaunchers {
 public:
  using Add = std::function<void(const std::string& name, double difference, double allowed)>;
  CudaLaunchers(cuda::Stream& stream, ThreadPool& pool, Add add)
      : stream_(stream), pool_(pool), add_(std::move(add)) {}

  void all() {
    check_groups();
    check_log_probs<float>();
    check_log_probs<BFloat16>();
    check_head<float>();
    check_head<BFloat16>();
    check_objective(ClippedSurrogate{});
    check_objective(Gspo{.clip_low = 0.1f, .clip_high = 0.1f});
    check_objective(Tpo{});
    check_objective(OwnReinforce{});
    check_objective(OwnSequence{});
    check_objective(OwnSequence{}, TokenTis{.cap = 1.1f});
    check_adamw();
  }

  void check_groups() {
    const std::vector<std::int64_t> offsets{0, 8, 9, 300};
    const auto rewards = normals("rewards", 300);
    std::vector<float> expected(300);
    GroupRelative{}(GroupedSpan{rewards, offsets}, expected);
    const Memory<float> d_rewards(rewards);
    const Memory<std::int64_t> d_offsets(offsets);
    Memory<float> d_advantages(300);
    cuda::group_advantages(GroupedSpan{d_rewards, d_offsets}, d_advantages, 1e-6, stream_);
    add_("group_advantages", difference(d_advantages.back(), expected), 1e-6);
    Memory<MaskedSum> d_sums(3);
    cuda::masked_sums(d_rewards, {}, d_offsets, d_sums, stream_);
    double sum = 0;
    for (std::size_t i = 9; i < 300; ++i) sum += double(rewards[i]);
    add_("masked_sums", std::abs(d_sums.back()[2].sum - sum), 1e-9);
  }

  template <class Number>
  void check_log_probs() {
    const std::size_t rows = 17, vocabulary = 2001, stride = 2003;
    const float temperature = 0.9f;
    const auto logits = normals<Number>("logits", rows * stride, 3);
    const auto targets = targets_below(rows, vocabulary);
    const auto g = normals("g", rows), h = normals("h", rows);
    // The same call on either side: the last argument says where.
    const auto both = [&](Number* data, std::span<const std::int64_t> to,
                          std::span<const float> g_here, std::span<const float> h_here,
                          std::span<float> log_prob, std::span<float> entropy, std::span<float> lse,
                          auto& where) {
      log_probs(LogitsView<const Number>{data, rows, vocabulary, stride}, to, temperature,
                {.log_probs = log_prob, .entropy = entropy, .log_sum_exp = lse}, where);
      log_probs_backward(LogitsView<Number>{data, rows, vocabulary, stride}, to, temperature,
                         {.log_sum_exp = lse,
                          .entropy = entropy,
                          .log_prob_gradients = g_here,
                          .entropy_gradients = h_here},
                         where);
    };
    std::vector<float> log_prob(rows), entropy(rows), lse(rows);
    auto gradient = logits;
    both(gradient.data(), targets, g, h, log_prob, entropy, lse, pool_);

    Memory<Number> d_logits(logits);
    const Memory<std::int64_t> d_targets(targets);
    const Memory<float> d_g(g), d_h(h);
    Memory<float> d_log_prob(rows), d_entropy(rows), d_lse(rows);
    both(d_logits.data(), d_targets, d_g, d_h, d_log_prob, d_entropy, d_lse, stream_);
    const std::string name = std::string("log_probs ") + name_of_type<Number>;
    add_(name, difference(d_log_prob.back(), log_prob), 1e-6);
    add_(name + " entropy", difference(d_entropy.back(), entropy), 2e-6);
    add_(name + " gradient", difference(d_logits.back(), gradient),
         sizeof(Number) == 4 ? 1e-5 : 1. / 128);
  }

  /// The fused head with an objective in the middle, which takes work space while the head has some.
  template <class Number>
  void check_head() {
    const std::int64_t n = 200, depth = 72, vocabulary = 701, padded = 704;
    const auto tokens = std::size_t(n);
    const auto hidden = normals<Number>("hidden", tokens * std::size_t(depth));
    const auto head =
        normals<Number>("head", std::size_t(padded * depth), 3 / std::sqrt(double(depth)));
    const auto targets = targets_below(tokens, std::size_t(vocabulary));
    std::vector<float> old(tokens), by(tokens), log_prob(tokens), entropy(tokens);
    std::vector<Number> hidden_gradient(hidden.size()), head_gradient(head.size());
    const Completions batch;
    const Objective<> objective{.kl_coefficient = 0};
    const BatchTotals totals = totals_of(batch.offsets);
    LinearLogProbsInput in{matrix(hidden.data(), n, depth), matrix(head.data(), padded, depth),
                           targets, vocabulary, 0.8f};
    linear_log_probs(in, {.log_probs = old}, pool_);
    const auto moved = normals("moved", tokens, 0.1);
    for (std::size_t t = 0; t < tokens; ++t) old[t] += moved[t];
    linear_log_probs_with_gradient(
        in, {.log_probs = log_prob, .entropy = entropy},
        [&](std::span<const float> log_probs, std::span<const float>) {
          const TokenBatch tokens_of{.offsets = batch.offsets,
                                     .advantages = batch.advantages,
                                     .log_probs = log_probs,
                                     .old_log_probs = old};
          (void)evaluate(objective, tokens_of, totals, {.log_probs = by}, pool_);
          return LinearLogProbsCoefficients{by, {}};
        },
        {writable(matrix(hidden_gradient.data(), n, depth)),
         writable(matrix(head_gradient.data(), padded, depth))},
        pool_);

    const Memory<Number> d_hidden(hidden), d_head(head);
    const Memory<std::int64_t> d_targets(targets), d_offsets(batch.offsets);
    const Memory<float> d_advantages(batch.advantages), d_old(old);
    Memory<float> d_log_prob(tokens), d_entropy(tokens), d_by(tokens);
    Memory<Number> d_hidden_gradient(hidden.size()), d_head_gradient(head.size());
    Memory<ObjectiveReport> d_report(1);
    in.hidden = matrix(d_hidden.data(), n, depth);
    in.head = matrix(d_head.data(), padded, depth), in.targets = d_targets;
    cuda::linear_log_probs_with_gradient(
        in, {.log_probs = d_log_prob, .entropy = d_entropy},
        [&](std::span<const float> log_probs, std::span<const float>) {
          const TokenBatch tokens_of{.offsets = d_offsets,
                                     .advantages = d_advantages,
                                     .log_probs = log_probs,
                                     .old_log_probs = d_old};
          cuda::evaluate(objective, tokens_of, totals, {.log_probs = d_by}, d_report.data(),
                         stream_);
          return LinearLogProbsCoefficients{d_by, {}};
        },
        {writable(matrix(d_hidden_gradient.data(), n, depth)),
         writable(matrix(d_head_gradient.data(), padded, depth))},
        stream_, 256);
    const std::string name = std::string("linear_log_probs ") + name_of_type<Number>;
    const double allowed = sizeof(Number) == 4 ? 1e-4 : 1. / 64;
    add_(name, difference(d_log_prob.back(), log_prob), 2e-6);
    add_(name + " entropy", difference(d_entropy.back(), entropy), 5e-6);
    add_(name + " coefficients", difference(d_by.back(), by), 1e-4);
    add_(name + " hidden gradient", difference(d_hidden_gradient.back(), hidden_gradient), allowed);
    add_(name + " head gradient", difference(d_head_gradient.back(), head_gradient), allowed);
  }

  template <class Loss, class Correction = NoCorrection>
  void check_objective(const Loss& loss, const Correction& correction = {}) {
    const Completions c;
    const std::size_t n = 200;
    const std::vector<std::int64_t> groups{0, 2, 4};
    const auto log_prob = normals("log_prob", n, 0.3), old = normals("old", n, 0.3);
    const auto ref = normals("ref", n, 0.3), rollout = normals("rollout", n, 0.3);
    std::vector<float> mask(n, 1.f), gradient(n);
    for (std::size_t t = 0; t < n; t += 3) mask[t] = 0;
    const Objective<Loss, K3, Correction> objective{
        .loss = loss, .kl_coefficient = 0.1f, .correction = correction};
    TokenBatch batch{.offsets = c.offsets,
                     .advantages = c.advantages,
                     .log_probs = log_prob,
                     .old_log_probs = old,
                     .ref_log_probs = ref,
                     .rollout_log_probs = rollout,
                     .mask = mask,
                     .groups = groups};
    const BatchTotals totals = totals_of(batch);
    const ObjectiveReport expected =
        evaluate(objective, batch, totals, {.log_probs = gradient}, pool_);
    const Memory<std::int64_t> d_offsets(c.offsets), d_groups(groups);
    const Memory<float> d_advantages(c.advantages), d_log_prob(log_prob), d_old(old), d_ref(ref);
    const Memory<float> d_rollout(rollout), d_mask(mask);
    Memory<float> d_gradient(n);
    batch = {.offsets = d_offsets,
             .advantages = d_advantages,
             .log_probs = d_log_prob,
             .old_log_probs = d_old,
             .ref_log_probs = d_ref,
             .rollout_log_probs = d_rollout,
             .mask = d_mask,
             .groups = d_groups};
    const std::string name =
        "evaluate " + std::string(Loss::name) + " " + std::string(Correction::name);
    const BatchTotals ours = cuda::totals_of(batch, stream_);
    add_(name + " totals",
         double(std::abs(ours.tokens - totals.tokens) + ours.groups - totals.groups), 0);
    const ObjectiveReport report =
        cuda::evaluate(objective, batch, ours, {.log_probs = d_gradient}, stream_);
    add_(name, std::abs(report.value - expected.value) / (1e-3 + std::abs(expected.value)), 1e-5);
    add_(name + " gradient", difference(d_gradient.back(), gradient), 1e-5);
  }

  void check_adamw() {
    const std::size_t n = 9001, blocks = CompactMoments::blocks(n);
    auto weights = normals("weights", n);
    const auto gradients = normals("gradients", n);
    std::vector<float> first(n), second(n);
    Memory<float> d_weights(weights), d_first(n), d_second(n);
    const Memory<float> d_gradients(gradients);
    auto short_weights = normals<BFloat16>("weights", n);
    const auto short_gradients = normals<BFloat16>("gradients", n);
    CompactMoments moments(n);
    Memory<BFloat16> d_short(short_weights);
    const Memory<BFloat16> d_short_gradients(short_gradients);
    Memory<std::uint8_t> d_codes(n), d_other(n), d_exponents(blocks), d_other_exponents(blocks);
    double norm = 0, d_norm = 0;
    for (std::int64_t step = 1; step <= 2; ++step) {
      const AdamWStep settings{.step = step, .learning_rate = 1e-2, .max_grad_norm = 1, .key = 5};
      const std::array tensor{AdamWTensor{weights, gradients, first, second, 0.1f}};
      const std::array d_tensor{AdamWTensor{d_weights, d_gradients, d_first, d_second, 0.1f}};
      norm = adamw_step(tensor, settings, pool_);
      d_norm = cuda::adamw_step(d_tensor, settings, stream_);
      const std::array compact{CompactAdamWTensor{short_weights, short_gradients, &moments, 0}};
      const std::array d_compact{cuda::CompactAdamWTensor{
          d_short, d_short_gradients, d_codes, d_other, d_exponents, d_other_exponents, 0}};
      adamw_step(compact, settings, pool_);
      cuda::adamw_step(d_compact, settings, stream_);
    }
    add_("adamw norm", std::abs(norm - d_norm) / norm, 1e-6);
    add_("adamw float32", difference(d_weights.back(), weights), 1e-6);
    const auto compact = d_short.back();
    std::size_t other = 0;
    for (std::size_t i = 0; i < n; ++i) other += compact[i].bits != short_weights[i].bits;
    add_("adamw compact, share of other roundings", double(other) / double(n), 1e-2);
  }

 private:
  cuda::Stream& stream_;
  ThreadPool& pool_;
  Add add_;
};

}  // namespace visplay::testing
