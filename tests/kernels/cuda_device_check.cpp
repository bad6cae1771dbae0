// Every launcher of visplay::cuda on a GPU, against the CPU's kernels: a line each with the largest
// difference, and at full size the time. For a machine with a GPU; elsewhere it is only linked.
//
//   cuda_device_check           differences and times
//   cuda_device_check --small   differences alone, as under compute-sanitizer
//
// Exit code 0: all within bounds; 1: not; 77: no GPU.
#include <visplay/advantage/group_relative.hpp>
#include <visplay/core/error.hpp>
#include <visplay/core/rng.hpp>
#include <visplay/kernels/cuda/evaluate.hpp>
#include <visplay/kernels/cuda/launch.hpp>

#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <exception>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

using namespace visplay;

namespace {

void call(cudaError_t status, const char* what) {
  check(status == cudaSuccess, "{}: {}", what, cudaGetErrorString(status));
}

/// Numbers on the device.
template <class T>
class OnDevice {
 public:
  explicit OnDevice(std::size_t count) : count_(count) {
    void* memory = nullptr;
    call(cudaMalloc(&memory, std::max<std::size_t>(count, 1) * sizeof(T)), "cudaMalloc");
    data_ = static_cast<T*>(memory);
    call(cudaMemset(data_, 0, count * sizeof(T)), "cudaMemset");
  }
  explicit OnDevice(const std::vector<T>& from) : OnDevice(from.size()) {
    call(cudaMemcpy(data_, from.data(), count_ * sizeof(T), cudaMemcpyHostToDevice), "cudaMemcpy");
  }
  ~OnDevice() { cudaFree(data_); }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

  operator std::span<T>() { return {data_, count_}; }
  operator std::span<const T>() const { return {data_, count_}; }
  [[nodiscard]] T* data() const { return data_; }
  [[nodiscard]] std::vector<T> back() const {
    std::vector<T> to(count_);
    call(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    call(cudaMemcpy(to.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost), "cudaMemcpy");
    return to;
  }

 private:
  T* data_ = nullptr;
  std::size_t count_;
};

template <class T = float>
std::vector<T> normals(std::string_view name, std::size_t n, double scale = 1) {
  Rng rng = Rng(1).fork(name);
  std::vector<T> x(n);
  for (T& value : x) value = T(float(scale * rng.normal()));
  return x;
}
/// Fast and never looked at closely: for sizes at which drawing normals would take minutes.
template <class T>
std::vector<T> ramp(std::size_t n, float scale) {
  std::vector<T> x(n);
  std::uint32_t state = 1;
  for (T& value : x)
    value = T(scale * (float((state = state * 1664525u + 1013904223u) >> 8) * 0x1p-24f - 0.5f));
  return x;
}
std::vector<std::int64_t> targets_below(std::size_t n, std::size_t vocabulary) {
  Rng rng(2);
  std::vector<std::int64_t> targets(n);
  for (auto& target : targets) target = std::int64_t(rng.below(vocabulary));
  targets[n / 2] = -1;
  return targets;
}

/// In units of the largest of `expected`; a NaN stays.
template <class A, class B>
double difference(const std::vector<A>& ours, const std::vector<B>& expected) {
  double worst = 0, size = 1e-30;
  for (const B x : expected) size = std::max(size, std::abs(double(float(x))));
  for (std::size_t i = 0; i < ours.size(); ++i)
    if (const double d = std::abs(double(float(ours[i])) - double(float(expected[i])));
        !(d <= worst))
      worst = d;
  return worst / size;
}

class Report {
 public:
  explicit Report(bool small) : small(small) {}

  void add(const std::string& name, double difference, double allowed) {
    const bool right = difference <= allowed;
    failed_ += !right;
    std::printf("%-48s difference %8.2e of %.0e%s\n", name.c_str(), difference, allowed,
                right ? "" : "   WRONG");
  }
  /// Median of 20 runs. @param amount  bytes or operations of one
  void time(const std::string& name, double amount, const char* unit,
            const std::function<void()>& run) {
    cudaEvent_t begin, end;
    call(cudaEventCreate(&begin), "cudaEventCreate"),
        call(cudaEventCreate(&end), "cudaEventCreate");
    std::vector<float> times(20);
    for (int warm = 0; warm < 3; ++warm) run();
    for (float& ms : times) {
      call(cudaEventRecord(begin, nullptr), "cudaEventRecord");
      run();
      call(cudaEventRecord(end, nullptr), "cudaEventRecord");
      call(cudaEventSynchronize(end), "cudaEventSynchronize");
      call(cudaEventElapsedTime(&ms, begin, end), "cudaEventElapsedTime");
    }
    cudaEventDestroy(begin), cudaEventDestroy(end);
    std::ranges::nth_element(times, times.begin() + 10);
    std::printf("%-48s %9.3f ms %8.1f %s\n", name.c_str(), double(times[10]),
                amount / (double(times[10]) * 1e-3), unit);
  }
  [[nodiscard]] int failed() const { return failed_; }

  const bool small;

 private:
  int failed_ = 0;
};

template <class Number>
constexpr const char* name_of_type = sizeof(Number) == 4 ? "float32" : "bfloat16";

template <class Number>
void check_log_probs(Report& report, cuda::Stream& stream, ThreadPool& pool) {
  const std::size_t rows = 33, vocabulary = 5001, stride = 5003;
  const float temperature = 0.9f;
  const auto logits = normals<Number>("logits", rows * stride, 3);
  const auto targets = targets_below(rows, vocabulary);
  const auto g = normals("g", rows), h = normals("h", rows);
  std::vector<float> log_prob(rows), entropy(rows), lse(rows);
  log_probs(LogitsView<const Number>{logits.data(), rows, vocabulary, stride}, targets, temperature,
            {.log_probs = log_prob, .entropy = entropy, .log_sum_exp = lse}, pool);
  auto gradient = logits;
  log_probs_backward(
      LogitsView<Number>{gradient.data(), rows, vocabulary, stride}, targets, temperature,
      {.log_sum_exp = lse, .entropy = entropy, .log_prob_gradients = g, .entropy_gradients = h},
      pool);
  OnDevice<Number> d_logits(logits);
  const OnDevice<std::int64_t> d_targets(targets);
  const OnDevice<float> d_g(g), d_h(h);
  OnDevice<float> d_log_prob(rows), d_entropy(rows), d_lse(rows);
  cuda::log_probs(LogitsView<const Number>{d_logits.data(), rows, vocabulary, stride}, d_targets,
                  temperature,
                  {.log_probs = d_log_prob, .entropy = d_entropy, .log_sum_exp = d_lse}, stream);
  cuda::log_probs_backward(LogitsView<Number>{d_logits.data(), rows, vocabulary, stride}, d_targets,
                           temperature,
                           {.log_sum_exp = d_lse,
                            .entropy = d_entropy,
                            .log_prob_gradients = d_g,
                            .entropy_gradients = d_h},
                           stream);
  const std::string name = std::string("log_probs ") + name_of_type<Number>;
  report.add(name, difference(d_log_prob.back(), log_prob), 1e-6);
  report.add(name + " entropy", difference(d_entropy.back(), entropy), 2e-6);
  report.add(name + " gradient", difference(d_logits.back(), gradient),
             sizeof(Number) == 4 ? 1e-5 : 1. / 128);
}

void time_log_probs(Report& report, cuda::Stream& stream) {
  const std::size_t rows = 4096, vocabulary = 151936;
  OnDevice<BFloat16> logits(ramp<BFloat16>(rows * vocabulary, 6));
  const OnDevice<std::int64_t> targets(targets_below(rows, vocabulary));
  const OnDevice<float> g(normals("g", rows));
  OnDevice<float> log_prob(rows), entropy(rows), lse(rows);
  const LogitsView<const BFloat16> view{logits.data(), rows, vocabulary, vocabulary};
  const double bytes = 2. * double(rows * vocabulary);
  report.time("log_probs bfloat16 [4096, 151936]", bytes / 1e9, "GB/s", [&] {
    cuda::log_probs(view, targets, 1,
                    {.log_probs = log_prob, .entropy = entropy, .log_sum_exp = lse}, stream);
  });
  report.time("log_probs_backward bfloat16 [4096, 151936]", 2 * bytes / 1e9, "GB/s", [&] {
    cuda::log_probs_backward(LogitsView<BFloat16>{logits.data(), rows, vocabulary, vocabulary},
                             targets, 1, {.log_sum_exp = lse, .log_prob_gradients = g}, stream);
  });
}

template <class Number>
FloatMatrix matrix(const OnDevice<Number>& of, std::int64_t rows, std::int64_t columns) {
  return {of.data(), sizeof(Number) == 4 ? FloatType::float32 : FloatType::bfloat16, rows, columns,
          columns};
}
template <class Number>
FloatMatrix matrix(const std::vector<Number>& of, std::int64_t rows, std::int64_t columns) {
  return {of.data(), sizeof(Number) == 4 ? FloatType::float32 : FloatType::bfloat16, rows, columns,
          columns};
}
MutableFloatMatrix writable(const FloatMatrix& m) {
  return {const_cast<void*>(m.data), m.type, m.rows, m.columns, m.stride};
}

/// A policy's completions: what turns log-probs into coefficients.
struct Completions {
  std::vector<std::int64_t> offsets{0, 40, 100, 101, 200};
  std::vector<float> advantages{1, -1, 0.5f, -0.5f};
};

/// The fused head with an objective in the middle, which takes work space while the head has some.
template <class Number>
void check_head(Report& report, cuda::Stream& stream, ThreadPool& pool) {
  const std::int64_t n = 200, depth = 264, vocabulary = 3001, padded = 3008;
  const auto hidden = normals<Number>("hidden", std::size_t(n * depth));
  const auto head =
      normals<Number>("head", std::size_t(padded * depth), 3 / std::sqrt(double(depth)));
  const auto targets = targets_below(std::size_t(n), std::size_t(vocabulary));
  const Completions batch;
  const auto old = normals("old", std::size_t(n), 0.1);
  std::vector<float> shifted(old.size());

  std::vector<float> log_prob(old.size()), entropy(old.size()), by(old.size());
  std::vector<Number> hidden_gradient(hidden.size()), head_gradient(head.size());
  const Objective<> objective{.kl_coefficient = 0};
  const BatchTotals totals = totals_of(batch.offsets);
  LinearLogProbsInput in{matrix(hidden, n, depth), matrix(head, padded, depth), targets, vocabulary,
                         0.8f};
  linear_log_probs(in, {.log_probs = log_prob}, pool);
  for (std::size_t t = 0; t < old.size(); ++t) shifted[t] = log_prob[t] + old[t];
  linear_log_probs_with_gradient(
      in, {.log_probs = log_prob, .entropy = entropy},
      [&](std::span<const float> log_probs, std::span<const float>) {
        (void)evaluate(objective,
                       TokenBatch{.offsets = batch.offsets,
                                  .advantages = batch.advantages,
                                  .log_probs = log_probs,
                                  .old_log_probs = shifted},
                       totals, {.log_probs = by}, pool);
        return LinearLogProbsCoefficients{by, {}};
      },
      {writable(matrix(hidden_gradient, n, depth)), writable(matrix(head_gradient, padded, depth))},
      pool);

  const OnDevice<Number> d_hidden(hidden), d_head(head);
  const OnDevice<std::int64_t> d_targets(targets), d_offsets(batch.offsets);
  const OnDevice<float> d_advantages(batch.advantages), d_old(shifted);
  OnDevice<float> d_log_prob(old.size()), d_entropy(old.size()), d_by(old.size());
  OnDevice<Number> d_hidden_gradient(hidden.size()), d_head_gradient(head.size());
  OnDevice<ObjectiveReport> d_report(1);
  in.hidden = matrix(d_hidden, n, depth), in.head = matrix(d_head, padded, depth),
  in.targets = d_targets;
  cuda::linear_log_probs_with_gradient(
      in, {.log_probs = d_log_prob, .entropy = d_entropy},
      [&](std::span<const float> log_probs, std::span<const float>) {
        cuda::evaluate(objective,
                       TokenBatch{.offsets = d_offsets,
                                  .advantages = d_advantages,
                                  .log_probs = log_probs,
                                  .old_log_probs = d_old},
                       totals, {.log_probs = d_by}, d_report.data(), stream);
        return LinearLogProbsCoefficients{d_by, {}};
      },
      {writable(matrix(d_hidden_gradient, n, depth)),
       writable(matrix(d_head_gradient, padded, depth))},
      stream, 512);
  const std::string name = std::string("linear_log_probs ") + name_of_type<Number>;
  report.add(name, difference(d_log_prob.back(), log_prob), 2e-6);
  report.add(name + " entropy", difference(d_entropy.back(), entropy), 5e-6);
  report.add(name + " coefficients", difference(d_by.back(), by), 1e-4);
  const double allowed = sizeof(Number) == 4 ? 1e-4 : 1. / 64;
  report.add(name + " hidden gradient", difference(d_hidden_gradient.back(), hidden_gradient),
             allowed);
  report.add(name + " head gradient", difference(d_head_gradient.back(), head_gradient), allowed);
}

void time_head(Report& report, cuda::Stream& stream) {
  const std::int64_t n = 8192, depth = 2048, vocabulary = 151936;
  const OnDevice<BFloat16> hidden(ramp<BFloat16>(std::size_t(n * depth), 3));
  const OnDevice<BFloat16> head(ramp<BFloat16>(std::size_t(vocabulary * depth), 0.1f));
  OnDevice<BFloat16> hidden_gradient(std::size_t(n * depth));
  OnDevice<BFloat16> head_gradient(std::size_t(vocabulary * depth));
  const OnDevice<std::int64_t> targets(targets_below(std::size_t(n), std::size_t(vocabulary)));
  const OnDevice<float> by(normals("by", std::size_t(n)));
  const std::size_t tokens{std::size_t(n)};
  OnDevice<float> log_prob(tokens), entropy(tokens), log_sums(tokens);
  const LinearLogProbsInput in{matrix(hidden, n, depth), matrix(head, vocabulary, depth), targets,
                               0, 1};
  const double work = 2. * double(n) * double(depth) * double(vocabulary) / 1e12;
  for (const std::int64_t chunk : {1024, 2048, 4096, 8192})
    report.time(
        "linear_log_probs [8192, 2048, 151936] / " + std::to_string(chunk), work, "TFLOP/s", [&] {
          cuda::linear_log_probs(
              in, {.log_probs = log_prob, .entropy = entropy, .log_sums = log_sums}, stream, chunk);
        });
  for (const std::int64_t chunk : {1024, 2048, 4096})
    report.time("linear_log_probs_backward / " + std::to_string(chunk), 3 * work, "TFLOP/s", [&] {
      cuda::linear_log_probs_backward(in, log_sums, entropy, {.log_probs = by},
                                      {writable(matrix(hidden_gradient, n, depth)),
                                       writable(matrix(head_gradient, vocabulary, depth))},
                                      stream, chunk);
    });
}

template <class Loss>
void check_objective(Report& report, cuda::Stream& stream, ThreadPool& pool, const Loss& loss) {
  const Completions c;
  const std::size_t n = 200;
  const std::vector<std::int64_t> groups{0, 2, 4};
  const auto log_prob = normals("log_prob", n, 0.3), old = normals("old", n, 0.3),
             ref = normals("ref", n, 0.3);
  const Objective<Loss> objective{.loss = loss, .kl_coefficient = 0.1f};
  TokenBatch batch{.offsets = c.offsets,
                   .advantages = c.advantages,
                   .log_probs = log_prob,
                   .old_log_probs = old,
                   .ref_log_probs = ref,
                   .groups = groups};
  const BatchTotals totals = totals_of(batch);
  std::vector<float> gradient(n);
  const ObjectiveReport expected =
      evaluate(objective, batch, totals, {.log_probs = gradient}, pool);
  const OnDevice<std::int64_t> d_offsets(c.offsets), d_groups(groups);
  const OnDevice<float> d_advantages(c.advantages), d_log_prob(log_prob), d_old(old), d_ref(ref);
  OnDevice<float> d_gradient(n);
  batch = {.offsets = d_offsets,
           .advantages = d_advantages,
           .log_probs = d_log_prob,
           .old_log_probs = d_old,
           .ref_log_probs = d_ref,
           .groups = d_groups};
  const ObjectiveReport ours =
      cuda::evaluate(objective, batch, totals, {.log_probs = d_gradient}, stream);
  const std::string name = "evaluate " + std::string(Loss::name);
  report.add(name, std::abs(ours.value - expected.value) / (1e-3 + std::abs(expected.value)), 1e-5);
  report.add(name + " gradient", difference(d_gradient.back(), gradient), 1e-5);
}

void check_adamw(Report& report, cuda::Stream& stream, ThreadPool& pool) {
  const std::size_t n = 70001;
  auto weights = normals("weights", n);
  const auto gradients = normals("gradients", n);
  std::vector<float> first(n), second(n);
  OnDevice<float> d_weights(weights), d_first(n), d_second(n);
  const OnDevice<float> d_gradients(gradients);
  auto short_weights = normals<BFloat16>("weights", n);
  const auto short_gradients = normals<BFloat16>("gradients", n);
  CompactMoments moments(n);
  OnDevice<BFloat16> d_short(short_weights);
  const OnDevice<BFloat16> d_short_gradients(short_gradients);
  OnDevice<std::uint8_t> d_codes(n), d_other_codes(n), d_exponents(CompactMoments::blocks(n)),
      d_other_exponents(CompactMoments::blocks(n));
  double norm = 0, d_norm = 0;
  for (std::int64_t step = 1; step <= 2; ++step) {
    const AdamWStep settings{.step = step, .learning_rate = 1e-2, .max_grad_norm = 1, .key = 5};
    const std::array tensor{AdamWTensor{weights, gradients, first, second, 0.1f}};
    const std::array d_tensor{AdamWTensor{d_weights, d_gradients, d_first, d_second, 0.1f}};
    norm = adamw_step(tensor, settings, pool);
    d_norm = cuda::adamw_step(d_tensor, settings, stream);
    const std::array compact{CompactAdamWTensor{short_weights, short_gradients, &moments, 0}};
    const std::array d_compact{cuda::CompactAdamWTensor{
        d_short, d_short_gradients, d_codes, d_other_codes, d_exponents, d_other_exponents, 0}};
    adamw_step(compact, settings, pool);
    cuda::adamw_step(d_compact, settings, stream);
  }
  report.add("adamw norm", std::abs(norm - d_norm) / norm, 1e-6);
  report.add("adamw float32", difference(d_weights.back(), weights), 1e-6);
  const auto compact = d_short.back();
  std::size_t other = 0;
  for (std::size_t i = 0; i < n; ++i) other += compact[i].bits != short_weights[i].bits;
  report.add("adamw compact, share of other roundings", double(other) / double(n), 1e-2);
}

void time_adamw(Report& report, cuda::Stream& stream) {
  const std::size_t n = std::size_t(300) << 20;
  OnDevice<float> weights(n), gradients(n), first(n), second(n);
  OnDevice<double> norm(1);
  const std::array tensor{AdamWTensor{weights, gradients, first, second, 0}};
  report.time("adamw_step float32, 300 Mi", 32 * double(n) / 1e9, "GB/s",
              [&] { cuda::adamw_step(tensor, {}, norm.data(), stream); });
  OnDevice<BFloat16> short_weights(n), short_gradients(n);
  OnDevice<std::uint8_t> codes(n), other_codes(n), exponents(CompactMoments::blocks(n)),
      other_exponents(CompactMoments::blocks(n));
  const std::array compact{cuda::CompactAdamWTensor{short_weights, short_gradients, codes,
                                                    other_codes, exponents, other_exponents, 0}};
  report.time("adamw_step compact, 300 Mi", 12 * double(n) / 1e9, "GB/s",
              [&] { cuda::adamw_step(compact, {}, norm.data(), stream); });
}

void check_groups(Report& report, cuda::Stream& stream) {
  const std::vector<std::int64_t> offsets{0, 8, 9, 300};
  const auto rewards = normals("rewards", 300);
  std::vector<float> expected(300);
  GroupRelative{}(GroupedSpan{rewards, offsets}, expected);
  const OnDevice<float> d_rewards(rewards);
  const OnDevice<std::int64_t> d_offsets(offsets);
  OnDevice<float> d_advantages(300);
  cuda::group_advantages(GroupedSpan{d_rewards, d_offsets}, d_advantages, 1e-6, stream);
  report.add("group_advantages", difference(d_advantages.back(), expected), 1e-6);
  OnDevice<MaskedSum> d_sums(3);
  cuda::masked_sums(d_rewards, {}, d_offsets, d_sums, stream);
  double sum = 0;
  for (std::size_t i = 9; i < 300; ++i) sum += double(rewards[i]);
  report.add("masked_sums", std::abs(d_sums.back()[2].sum - sum), 1e-9);
}

int run(bool small) {
  Report report(small);
  ThreadPool pool(int(std::max(1u, std::thread::hardware_concurrency())));
  cuda::Stream stream;
  check_groups(report, stream);
  check_log_probs<float>(report, stream, pool);
  check_log_probs<BFloat16>(report, stream, pool);
  check_head<float>(report, stream, pool);
  check_head<BFloat16>(report, stream, pool);
  check_objective(report, stream, pool, ClippedSurrogate{});
  check_objective(report, stream, pool, Gspo{.clip_low = 0.1f, .clip_high = 0.1f});
  check_objective(report, stream, pool, Tpo{});
  check_adamw(report, stream, pool);
  if (!small) time_log_probs(report, stream), time_head(report, stream), time_adamw(report, stream);
  std::printf("%d wrong\n", report.failed());
  return report.failed() > 0;
}

}  // namespace

int main(int count, char** arguments) {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::printf("cuda_device_check: skipped: no GPU\n");
    return 77;
  }
  try {
    return run(count > 1 && std::string_view(arguments[1]) == "--small");
  } catch (const std::exception& error) {
    std::printf("cuda_device_check: %s\n", error.what());
    return 1;
  }
}
