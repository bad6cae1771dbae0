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
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "../support/worst.hpp"
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
  Worst worst;
  double size = 1e-30;
  for (const B x : expected) size = std::max(size, std::abs(double(float(x))));
  for (std::size_t i = 0; i < ours.size(); ++i)
    worst.add(std::abs(double(float(ours[i])) - double(float(expected[i]))));
  return worst.value / size;
}

template <class T>
[[nodiscard]] bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

template <class Number>
constexpr FloatType float_type = sizeof(Number) == 4                ? FloatType::float32
                                 : std::is_same_v<Number, BFloat16> ? FloatType::bfloat16
                                                                    : FloatType::float16;
template <class Number>
const char* const name_of_type = name_of(float_type<Number>).data();

template <class Number>
FloatMatrix matrix(const Number* data, std::int64_t rows, std::int64_t columns) {
  return {data, float_type<Number>, rows, columns, columns};
}
inline MutableFloatMatrix writable(const FloatMatrix& m) {
  return {const_cast<void*>(m.data), m.type, m.rows, m.columns, m.stride};
}

/// A policy's completions: what turns log-probs into coefficients.
struct Completions {
  std::vector<std::int64_t> offsets{0, 40, 100, 101, 200};
  std::vector<float> advantages{1, -1, 0.5f, -0.5f};
};

template <class T>
using HostVector = std::vector<T>;

/// A fused head as a caller may have it: an odd depth and stride, a first element that no vector begins
/// at, a float32 gradient of the head, coefficients of entropy.
template <template <class> class Memory, class Number>
struct OddHead {
  static constexpr std::int64_t n = 33, depth = 37, stride = 39, vocabulary = 301;
  static constexpr std::size_t tokens = n, elements = 1 + n * stride,
                               head_elements = 1 + vocabulary * stride;
  Memory<Number> hidden{normals<Number>("odd hidden", elements)};
  Memory<Number> head{normals<Number>("odd head", head_elements, 0.5)};
  Memory<std::int64_t> targets{targets_below(tokens, vocabulary)};
  Memory<float> by{normals("by", tokens)}, by_entropy{normals("by entropy", tokens)};
  Memory<float> log_prob = Memory<float>(tokens), entropy = Memory<float>(tokens);
  Memory<float> squares = Memory<float>(tokens);
  // What lies between rows stays as it is.
  Memory<float> to_head{std::vector<float>(head_elements)};
  Memory<Number> to_hidden{std::vector<Number>(elements)};
  Memory<std::byte> room = Memory<std::byte>(3 * 96 * tokens * sizeof(float));  // some chunks of 96
  bool keeps = false;

  /// @param where  a pool, or a stream and a chunk
  void run(auto&&... where) {
    std::span<std::byte> kept;
    if (keeps) kept = room;
    linear_log_probs_with_gradient(
        {odd(hidden.data(), n), odd(head.data(), vocabulary), targets, 0, 0.8f},
        {.log_probs = log_prob, .entropy = entropy, .sum_squares = squares, .kept = kept},
        [&](auto, auto) {
          return LinearLogProbsCoefficients{by, by_entropy};
        },
        {writable(odd(to_hidden.data(), n)), writable(odd(to_head.data(), vocabulary))}, where...);
  }

 private:
  static FloatMatrix odd(const auto* data, std::int64_t rows) {
    FloatMatrix m = matrix(data + 1, rows, depth);
    m.stride = stride;
    return m;
  }
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
    check_log_probs<Float16>();
    check_top<float>();
    check_top<BFloat16>();
    check_top<Float16>();
    check_head<float>();
    check_head<BFloat16>();
    check_head<Float16>();
    check_odd_head<float>();
    check_odd_head<BFloat16>();
    check_odd_head<Float16>();
    check_objective(ClippedSurrogate{});
    check_objective(Gspo{.clip_low = 0.1f, .clip_high = 0.1f});
    check_objective(Tpo{});
    check_objective(OwnReinforce{});
    check_objective(OwnSequence{});
    check_objective(OwnSequence{}, TokenTis{.cap = 1.1f});
    for (const std::size_t at : {0, 1}) check_adamw(at), check_compact_adamw(at);
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
    std::vector<float> mask(300);
    for (std::size_t i = 0; i < 300; i += 3) mask[i] = 1;
    sum = 0;
    for (std::size_t i = 9; i < 300; i += 3) sum += double(rewards[i]);
    const Memory<float> d_mask(mask);
    cuda::masked_sums(d_rewards, d_mask, d_offsets, d_sums, stream_);
    const MaskedSum last = d_sums.back()[2];
    add_("masked_sums of a mask", std::abs(last.sum - sum) + std::abs(last.count - 97), 1e-9);
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
                          std::span<float> squares, auto& where) {
      log_probs(LogitsView<const Number>{data, rows, vocabulary, stride}, to, temperature,
                {.log_probs = log_prob,
                 .entropy = entropy,
                 .log_sum_exp = lse,
                 .sum_of_squares = squares},
                where);
      log_probs_backward(LogitsView<Number>{data, rows, vocabulary, stride}, to, temperature,
                         {.log_sum_exp = lse,
                          .entropy = entropy,
                          .log_prob_gradients = g_here,
                          .entropy_gradients = h_here},
                         where);
    };
    std::vector<float> log_prob(rows), entropy(rows), lse(rows), squares(rows);
    auto gradient = logits;
    both(gradient.data(), targets, g, h, log_prob, entropy, lse, squares, pool_);

    Memory<Number> d_logits(logits);
    const Memory<std::int64_t> d_targets(targets);
    const Memory<float> d_g(g), d_h(h);
    Memory<float> d_log_prob(rows), d_entropy(rows), d_lse(rows), d_squares(rows);
    both(d_logits.data(), d_targets, d_g, d_h, d_log_prob, d_entropy, d_lse, d_squares, stream_);
    const std::string name = std::string("log_probs ") + name_of_type<Number>;
    add_(name, difference(d_log_prob.back(), log_prob), 1e-6);
    add_(name + " entropy", difference(d_entropy.back(), entropy), 2e-6);
    add_(name + " sum of squares", difference(d_squares.back(), squares), 2e-6);
    add_(name + " gradient", difference(d_logits.back(), gradient),
         sizeof(Number) == 4 ? 1e-5 : 1. / 128);
  }

  /// The top k of given logits, and of a fused head in chunks. Ids may change places where rounding can
  /// have made their log-probs do so.
  template <class Number>
  void check_top() {
    const std::size_t rows = 17, depth = 64, vocabulary = 2001, k = 20;
    const auto logits = normals<Number>("top logits", rows * vocabulary, 3);
    const auto hidden = normals<Number>("top hidden", rows * depth);
    const auto head = normals<Number>("top head", vocabulary * depth, 0.5);
    const auto targets = targets_below(rows, vocabulary);
    const auto given = [&](const Number* data, std::span<const std::int64_t> to,
                           std::span<float> top, std::span<std::int32_t> ids, auto& where) {
      log_probs(LogitsView<const Number>{data, rows, vocabulary, vocabulary}, to, 0.9f,
                {.top_k = k, .top_log_probs = top, .top_ids = ids}, where);
    };
    const auto fused = [&](const Number* states, const Number* weight,
                           std::span<const std::int64_t> to, std::span<float> top,
                           std::span<std::int32_t> ids, auto&&... where) {
      linear_log_probs({matrix(states, std::int64_t(rows), std::int64_t(depth)),
                        matrix(weight, std::int64_t(vocabulary), std::int64_t(depth)), to, 0, 0.9f},
                       {.top_k = k, .top_log_probs = top, .top_ids = ids}, where...);
    };
    std::vector<float> top(rows * k);
    std::vector<std::int32_t> ids(rows * k);
    const Memory<Number> d_logits(logits), d_hidden(hidden), d_head(head);
    const Memory<std::int64_t> d_targets(targets);
    Memory<float> d_top(rows * k);
    Memory<std::int32_t> d_ids(rows * k);
    const auto compare = [&](const std::string& name) {
      add_(name + name_of_type<Number>, difference(d_top.back(), top), 2e-6);
      add_(name + name_of_type<Number> + " ids", other_ids(d_ids.back(), ids, top, k), 0);
    };
    given(logits.data(), targets, top, ids, pool_);
    given(d_logits.data(), d_targets, d_top, d_ids, stream_);
    compare("top of log_probs ");
    fused(hidden.data(), head.data(), targets, top, ids, pool_);
    fused(d_hidden.data(), d_head.data(), d_targets, d_top, d_ids, stream_, std::int64_t(256));
    compare("top of linear_log_probs ");
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

  /// Also with the same bits when asked again, and with some logits kept.
  template <class Number>
  void check_odd_head() {
    OddHead<HostVector, Number> expected;
    OddHead<Memory, Number> ours;
    expected.run(pool_);
    ours.run(stream_, std::int64_t(96));
    const std::string name = std::string("odd linear_log_probs ") + name_of_type<Number>;
    compare_odd_head(name, ours, expected);
    const auto log_prob = ours.log_prob.back(), to_head = ours.to_head.back();
    const auto to_hidden = ours.to_hidden.back();
    ours.run(stream_, std::int64_t(96));
    const auto other_bits = [&] {
      return !same_bits(ours.log_prob.back(), log_prob) + !same_bits(ours.to_head.back(), to_head) +
             !same_bits(ours.to_hidden.back(), to_hidden);
    };
    add_(name + " again, results of other bits", other_bits(), 0);
    ours.keeps = true;
    ours.run(stream_, std::int64_t(96));
    if (float_type<Number> == FloatType::bfloat16)
      compare_odd_head(name + ", kept,", ours, expected);
    else
      add_(name + ", kept, results of other bits", other_bits(), 0);
  }

  template <class Number>
  void compare_odd_head(const std::string& name, const OddHead<Memory, Number>& ours,
                        const OddHead<HostVector, Number>& expected) {
    const bool whole = sizeof(Number) == 4;
    add_(name, difference(ours.log_prob.back(), expected.log_prob), 2e-6);
    add_(name + " entropy", difference(ours.entropy.back(), expected.entropy), 5e-6);
    add_(name + " sum of squares", difference(ours.squares.back(), expected.squares), 1e-5);
    add_(name + " hidden gradient", difference(ours.to_hidden.back(), expected.to_hidden),
         whole ? 1e-4 : 1. / 64);
    add_(name + " head gradient", difference(ours.to_head.back(), expected.to_head),
         whole ? 1e-4 : 1. / 128);
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

  /// Two tensors of one memory, from element `at` on; gradients from 0, so that at 1 no vectors fit.
  void check_adamw(std::size_t at) {
    const std::size_t n = 9001, small = 70, all = n + small + at;
    const auto tensors = [&](std::span<float> w, std::span<const float> g, std::span<float> m,
                             std::span<float> v) {
      const auto tensor = [&](std::size_t from, std::size_t count, float decay) {
        return AdamWTensor{w.subspan(at + from, count), g.subspan(from, count),
                           m.subspan(at + from, count), v.subspan(at + from, count), decay};
      };
      return std::array{tensor(0, n, 0.1f), tensor(n, small, 0)};
    };
    auto weights = normals("weights", all);
    const auto gradients = normals("gradients", all);
    std::vector<float> first(all), second(all);
    Memory<float> d_weights(weights), d_first(first), d_second(second);
    const Memory<float> d_gradients(gradients);
    double norm = 0, d_norm = 0;
    for (std::int64_t step = 1; step <= 2; ++step) {
      const AdamWStep settings{.step = step, .learning_rate = 1e-2, .max_grad_norm = 1};
      norm = adamw_step(tensors(weights, gradients, first, second), settings, pool_);
      d_norm =
          cuda::adamw_step(tensors(d_weights, d_gradients, d_first, d_second), settings, stream_);
    }
    const auto device = tensors(d_weights, d_gradients, d_first, d_second);
    const std::string name = "adamw float32 at " + std::to_string(at);
    add_(name + " gradient_norm", std::abs(cuda::gradient_norm(device, stream_) / norm - 1), 1e-6);
    const double known = cuda::adamw_step(device, {.learning_rate = 0, .grad_norm = 7}, stream_);
    add_(name + " known norm", std::abs(known - 7), 0);
    add_(name + " norm", std::abs(norm - d_norm) / norm, 1e-6);
    add_(name, difference(d_weights.back(), weights), 1e-6);
  }

  /// As above.
  void check_compact_adamw(std::size_t at) {
    const std::size_t n = 9001, small = 70, all = n + small + at;
    const std::size_t blocks = CompactMoments::blocks(n);
    auto weights = normals<BFloat16>("weights", all);
    const auto gradients = normals<BFloat16>("gradients", all);
    CompactMoments moments[2] = {CompactMoments(n), CompactMoments(small)};
    Memory<BFloat16> d_weights(weights);
    const Memory<BFloat16> d_gradients(gradients);
    const std::vector<std::uint8_t> zeros(all);
    Memory<std::uint8_t> d_codes(zeros), d_other(zeros), d_exponents(zeros),
        d_other_exponents(zeros);
    const auto part = [&]<class T>(std::span<T> of, bool second, std::size_t from) {
      return second ? of.subspan(from + n, small) : of.subspan(from, n);
    };
    const auto exponents = [&](std::span<std::uint8_t> of, bool second) {
      return second ? of.subspan(blocks, 1) : of.first(blocks);
    };
    const auto tensor = [&](bool second) {
      return CompactAdamWTensor{part(std::span(weights), second, at),
                                part(std::span(gradients), second, 0), &moments[second], 0};
    };
    const auto d_tensor = [&](bool second) {
      return cuda::CompactAdamWTensor{part(std::span<BFloat16>(d_weights), second, at),
                                      part(std::span<const BFloat16>(d_gradients), second, 0),
                                      part(std::span<std::uint8_t>(d_codes), second, at),
                                      part(std::span<std::uint8_t>(d_other), second, at),
                                      exponents(d_exponents, second),
                                      exponents(d_other_exponents, second),
                                      0};
    };
    for (std::int64_t step = 1; step <= 2; ++step) {
      const AdamWStep settings{.step = step, .learning_rate = 1e-2, .max_grad_norm = 1, .key = 5};
      adamw_step(std::array{tensor(false), tensor(true)}, settings, pool_);
      cuda::adamw_step(std::array{d_tensor(false), d_tensor(true)}, settings, stream_);
    }
    const auto ours = d_weights.back();
    std::size_t other = 0;
    for (std::size_t i = 0; i < all; ++i) other += ours[i].bits != weights[i].bits;
    add_("adamw compact at " + std::to_string(at) + ", share of other roundings",
         double(other) / double(all), 1e-2);
  }

 private:
  /// How many ids differ where the log-probs beside them [N, k] do, by more than rounding.
  static double other_ids(const std::vector<std::int32_t>& ours,
                          const std::vector<std::int32_t>& expected,
                          const std::vector<float>& log_probs, std::size_t k) {
    std::size_t others = 0;
    const auto near = [&](std::size_t i, std::size_t j) {
      return j < log_probs.size() && j / k == i / k &&
             std::abs(log_probs[i] - log_probs[j]) < 1e-5f;
    };
    for (std::size_t i = 0; i < ours.size(); ++i)
      others += ours[i] != expected[i] && !near(i, i - 1) && !near(i, i + 1);
    return double(others);
  }

  cuda::Stream& stream_;
  ThreadPool& pool_;
  Add add_;
};

}  // namespace visplay::testing
