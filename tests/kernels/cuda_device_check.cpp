// Every launcher of visplay::cuda on a GPU, against the CPU's kernels: a line each with the largest
// difference, and at full size the time. For a machine with a GPU; elsewhere it is only linked.
//
//   cuda_device_check           differences and times
//   cuda_device_check --small   differences alone, as under compute-sanitizer
//
// Exit code 0: all within bounds; 1: not; 77: no GPU.
#include <visplay/core/error.hpp>

#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cuda_launchers.hpp"

using namespace visplay;
using namespace visplay::testing;

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
    // What nobody has written is NaN, or -1.
    call(cudaMemset(data_, 0xFF, count * sizeof(T)), "cudaMemset");
    call(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  }
  explicit OnDevice(const std::vector<T>& from) : OnDevice(from.size()) {
    call(cudaMemcpy(data_, from.data(), count_ * sizeof(T), cudaMemcpyHostToDevice), "cudaMemcpy");
    call(cudaDeviceSynchronize(), "cudaDeviceSynchronize");  // other streams do not wait for copies
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

/// Fast and never looked at closely: for sizes at which drawing normals would take minutes.
template <class T>
std::vector<T> ramp(std::size_t n, float scale) {
  std::vector<T> x(n);
  std::uint32_t state = 1;
  for (T& value : x)
    value = T(scale * (float((state = state * 1664525u + 1013904223u) >> 8) * 0x1p-24f - 0.5f));
  return x;
}
class Report {
 public:
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

 private:
  int failed_ = 0;
};

/// More work space than there is, which throws (compute-sanitizer tells of it, too), and then a call that
/// must not hear of it.
void check_after_error(Report& report, cuda::Stream& stream) {
  bool thrown = false;
  try {
    const cuda::Stream::Space space(stream, std::size_t(1) << 50);
  } catch (const Error&) {
    thrown = true;
  }
  const OnDevice<float> values(std::vector<float>{1, 2, 3});
  const OnDevice<std::int64_t> offsets(std::vector<std::int64_t>{0, 3});
  OnDevice<MaskedSum> sums(1);
  cuda::masked_sums(values, {}, offsets, sums, stream);
  report.add("masked_sums after an error", thrown ? std::abs(sums.back()[0].sum - 6) : 1, 0);
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
  OnDevice<float> top(rows * 20);
  OnDevice<std::int32_t> ids(rows * 20);
  report.time("log_probs bfloat16, its top 20", bytes / 1e9, "GB/s", [&] {
    cuda::log_probs(view, targets, 1,
                    {.log_probs = log_prob, .top_k = 20, .top_log_probs = top, .top_ids = ids},
                    stream);
  });
  report.time("log_probs_backward bfloat16 [4096, 151936]", 2 * bytes / 1e9, "GB/s", [&] {
    cuda::log_probs_backward(LogitsView<BFloat16>{logits.data(), rows, vocabulary, vocabulary},
                             targets, 1, {.log_sum_exp = lse, .log_prob_gradients = g}, stream);
  });
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
  OnDevice<float> log_prob(tokens), entropy(tokens), log_sum_exp(tokens);
  const LinearLogProbsInput in{matrix(hidden.data(), n, depth),
                               matrix(head.data(), vocabulary, depth), targets, 0, 1};
  const double work = 2. * double(n) * double(depth) * double(vocabulary) / 1e12;
  for (const std::int64_t chunk : {1024, 2048, 4096, 8192})
    report.time("linear_log_probs [8192, 2048, 151936] / " + std::to_string(chunk), work, "TFLOP/s",
                [&] {
                  cuda::linear_log_probs(
                      in, {.log_probs = log_prob, .entropy = entropy, .log_sum_exp = log_sum_exp},
                      stream, chunk);
                });
  OnDevice<float> top(tokens * 20);
  OnDevice<std::int32_t> ids(tokens * 20);
  report.time("linear_log_probs, its top 20", work, "TFLOP/s", [&] {
    cuda::linear_log_probs(
        in, {.log_probs = log_prob, .top_k = 20, .top_log_probs = top, .top_ids = ids}, stream);
  });
  const LinearLogProbsGradient gradient{writable(matrix(hidden_gradient.data(), n, depth)),
                                        writable(matrix(head_gradient.data(), vocabulary, depth))};
  for (const std::int64_t chunk : {1024, 2048, 4096})
    report.time("linear_log_probs_backward / " + std::to_string(chunk), 3 * work, "TFLOP/s", [&] {
      cuda::linear_log_probs_backward(in, log_sum_exp, entropy, {.log_probs = by}, gradient, stream,
                                      {}, chunk);
    });
  OnDevice<std::byte> kept(linear_log_probs_kept_bytes(n, vocabulary, FloatType::bfloat16));
  report.time("linear_log_probs, all logits kept", work, "TFLOP/s", [&] {
    cuda::linear_log_probs(
        in, {.log_probs = log_prob, .entropy = entropy, .log_sum_exp = log_sum_exp, .kept = kept},
        stream);
  });
  report.time("linear_log_probs_backward, all logits kept", 2 * work, "TFLOP/s", [&] {
    cuda::linear_log_probs_backward(in, log_sum_exp, entropy, {.log_probs = by}, gradient, stream,
                                    kept);
  });
}

void time_adamw(Report& report, cuda::Stream& stream) {
  const std::size_t n = std::size_t(300) << 20;
  OnDevice<float> weights(n), gradients(n), first(n), second(n);
  OnDevice<double> norm(1);
  const std::array tensor{AdamWTensor{weights, gradients, first, second, 0}};
  report.time("adamw_step float32, 300 Mi", 32 * double(n) / 1e9, "GB/s",
              [&] { cuda::adamw_step(tensor, {}, norm.data(), stream); });
  std::vector<AdamWTensor> small;
  constexpr std::size_t some = 2048;
  for (std::size_t i = 0; i < 1000; ++i) {
    const auto part = [&]<class T>(std::span<T> of) { return of.subspan(i * some, some); };
    small.push_back({part(std::span<float>(weights)), part(std::span<const float>(gradients)),
                     part(std::span<float>(first)), part(std::span<float>(second)), 0});
  }
  report.time("adamw_step float32, 1,000 tensors of 2,048", 32 * 1000 * some / 1e9, "GB/s",
              [&] { cuda::adamw_step(small, {}, norm.data(), stream); });
  OnDevice<BFloat16> short_weights(n), short_gradients(n);
  OnDevice<std::uint8_t> codes(n), other_codes(n), exponents(CompactMoments::blocks(n)),
      other_exponents(CompactMoments::blocks(n));
  const std::array compact{cuda::CompactAdamWTensor{short_weights, short_gradients, codes,
                                                    other_codes, exponents, other_exponents, 0}};
  report.time("adamw_step compact, 300 Mi", 12 * double(n) / 1e9, "GB/s",
              [&] { cuda::adamw_step(compact, {}, norm.data(), stream); });
}

int run(bool small) {
  Report report;
  ThreadPool pool(int(std::max(1u, std::thread::hardware_concurrency())));
  cuda::Stream stream;
  const auto check_all = [&](cuda::Stream& where) {
    CudaLaunchers<OnDevice>(where, pool,
                            [&](const std::string& name, double difference, double allowed) {
                              report.add(name, difference, allowed);
                            })
        .all();
  };
  check_all(stream);
  {  // once more on a stream that the default one does not wait for, in work space of NaN
    cudaStream_t other = nullptr;
    call(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    OnDevice<std::byte> space(std::size_t(256) << 20);
    cuda::Stream its(other);
    its.use_space(space);
    check_all(its);
    its.synchronize();
  }
  check_after_error(report, stream);
  if (!small) time_log_probs(report, stream), time_head(report, stream), time_adamw(report, stream);
  std::printf("%d wrong\n", report.failed());
  return report.failed() > 0;
}

}  // namespace

int main(int count, char** arguments) {
  int devices = 0;
  const cudaError_t found = cudaGetDeviceCount(&devices);
  if (devices == 0 && !std::filesystem::exists("/dev/nvidiactl")) {
    std::printf("cuda_device_check: skipped: no GPU\n");
    return 77;
  }
  try {
    call(found, "cudaGetDeviceCount");
    return run(count > 1 && std::string_view(arguments[1]) == "--small");
  } catch (const std::exception& error) {
    std::printf("cuda_device_check: %s\n", error.what());
    return 1;
  }
}
