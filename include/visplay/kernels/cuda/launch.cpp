// Bodies of launch.hpp: checks, work space, drivers. A unit of visplay::cuda, for any compiler of C++20.
#include <visplay/kernels/cuda/launch.hpp>

#include <visplay/core/error.hpp>
#include <visplay/kernels/adamw_checks.hpp>
#include <visplay/kernels/cuda/device_executor.hpp>
#include <visplay/kernels/cuda/linear_log_probs_driver.hpp>
#include <visplay/kernels/cuda/log_probs_kernel.hpp>
#include <visplay/kernels/cuda/space_stack.hpp>
#include <visplay/kernels/linear_log_probs_checks.hpp>
#include <visplay/kernels/log_probs_checks.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace visplay::cuda {

void throw_cuda_error(const char* call, const char* reason) {
  throw Error("cuda: " + std::string(call) + ": " + reason);
}

namespace {

void check_size(std::string_view where, std::string_view what, std::size_t got,
                std::size_t expected, bool optional = false) {
  check(got == expected || (optional && got == 0), "{}: expected {} {}, got {}", where, expected,
        what, got);
}

// log_probs

template <class Number>
void forward(const LogitsView<const Number>& logits, std::span<const std::int64_t> targets,
             float temperature, const LogProbOutputs& out, Stream& stream) {
  log_probs_detail::check_logits(logits, targets.size(), temperature);
  log_probs_detail::check_output(out, logits.rows, logits.vocabulary);
  const auto run = [&]<class Kernel>(const Kernel& kernel) {
    DeviceExecutor(stream, "log_probs").run(logits.rows, kernel);
  };
  const auto kernel = [&]<bool has_top>(std::bool_constant<has_top>) {
    return LogProbsKernel<Number, has_top>{.logits = {logits.data, logits.rows * logits.stride},
                                           .vocabulary = logits.vocabulary,
                                           .stride = logits.stride,
                                           .targets = view_of(targets),
                                           .temperature = temperature,
                                           .log_probs = view_of(out.log_probs),
                                           .entropy = view_of(out.entropy),
                                           .log_sum_exp = view_of(out.log_sum_exp),
                                           .sum_of_squares = view_of(out.sum_of_squares),
                                           .top_k = out.top_k,
                                           .top_log_probs = view_of(out.top_log_probs),
                                           .top_ids = view_of(out.top_ids)};
  };
  out.top_k > 0 ? run(kernel(std::true_type{})) : run(kernel(std::false_type{}));
}

template <class Number>
void backward(const LogitsView<Number>& logits, std::span<const std::int64_t> targets,
              float temperature, const LogProbGradients& given, Stream& stream) {
  log_probs_detail::check_logits(logits, targets.size(), temperature);
  log_probs_detail::check_gradients(given, logits.rows);
  DeviceExecutor(stream, "log_probs_backward")
      .run(logits.rows,
           LogProbsBackwardKernel<Number>{.logits = {logits.data, logits.rows * logits.stride},
                                          .vocabulary = logits.vocabulary,
                                          .stride = logits.stride,
                                          .targets = view_of(targets),
                                          .temperature = temperature,
                                          .entropy = view_of(given.entropy),
                                          .log_sum_exp = view_of(given.log_sum_exp),
                                          .log_prob_gradients = view_of(given.log_prob_gradients),
                                          .entropy_gradients = view_of(given.entropy_gradients)});
}

// linear_log_probs

using linear_log_probs_detail::check_output;
using linear_log_probs_detail::check_size;

void check_head_types(const LinearLogProbsInput& in, const LinearLogProbsGradient& gradient) {
  check(!gradient.head.data || gradient.head.type == in.head.type ||
            gradient.head.type == FloatType::float32,
        "linear_log_probs: on CUDA the head's gradient is float32 or {}, got {}",
        name_of(in.head.type), name_of(gradient.head.type));
}

void check_coefficients(const LinearLogProbsInput& in, const LinearLogProbsCoefficients& by) {
  check_size(by.log_probs.size(), in, "coefficients of log-probs");
  check_size(by.entropy.size(), in, "coefficients of entropies");
}

HeadPlan checked_plan(const LinearLogProbsInput& input, std::int64_t chunk, std::size_t top_k) {
  linear_log_probs_detail::check_input(input);
  check(chunk >= 0, "linear_log_probs: expected a chunk of 0 or more rows, got {}", chunk);
  return {input, chunk, top_k};
}

// adamw

void check_tensor(std::size_t i, const AdamWTensor& t) {
  adamw_detail::check_moments(i, t.weights.size(), t);
}
void check_tensor(std::size_t i, const CompactAdamWTensor& t) {
  adamw_detail::check_compact_moments(i, t.weights.size(), t);
}

template <class Tensor>
void check_tensors(std::span<const Tensor> tensors) {
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    adamw_detail::check_gradients(i, tensors[i]);
    check_tensor(i, tensors[i]);
  }
}

/// Work space for `parts` numbers, and an executor, for launch(executor, parts).
template <class Launch>
void with_norm_parts(std::size_t parts, Stream& stream, const Launch& launch) {
  const Stream::Space space(stream, parts * sizeof(double));
  DeviceExecutor executor(stream, "adamw");
  launch(executor, GlobalView<double>{reinterpret_cast<double*>(space.data()), parts});
}

template <class Tensor>
void norm_of(std::span<const Tensor> tensors, double* norm, Stream& stream) {
  check_tensors(tensors);
  with_norm_parts(norm_parts(tensors), stream, [&](auto& executor, const auto& parts) {
    gradient_norm(executor, tensors, parts, {norm, 1});
  });
}

template <class Tensor>
void step_all(std::span<const Tensor> tensors, const AdamWStep& step, double* norm,
              Stream& stream) {
  check_tensors(tensors);
  adamw_detail::check_step(step);
  check(norm, "adamw: the norm goes to memory of the device, got null");
  with_norm_parts(step.grad_norm ? 0 : norm_parts(tensors), stream,
                  [&](auto& executor, const auto& parts) {
                    adamw_step(executor, tensors, step, parts, {norm, 1});
                  });
}

/// The number that launch(where) leaves in memory of the device.
template <class Launch>
double awaited(Stream& stream, const Launch& launch) {
  const Stream::Space space(stream, sizeof(double));
  launch(reinterpret_cast<double*>(space.data()));
  double norm = 0;
  stream.fetch(&norm, space.data(), sizeof(norm));
  return norm;
}

}  // namespace

void group_advantages(const GroupedSpan& rewards, std::span<float> advantages, double epsilon,
                      Stream& stream) {
  check_size("group_advantages", "advantages", advantages.size(), rewards.values.size());
  DeviceExecutor(stream, "group_advantages")
      .run(rewards.groups(), GroupAdvantageKernel{.rewards = view_of(rewards.values),
                                                  .offsets = view_of(rewards.offsets),
                                                  .epsilon = epsilon,
                                                  .advantages = view_of(advantages)});
}

void masked_sums(std::span<const float> values, std::span<const float> mask,
                 std::span<const std::int64_t> offsets, std::span<MaskedSum> sums, Stream& stream) {
  check_size("masked_sums", "mask values", mask.size(), values.size(), true);
  check_size("masked_sums", "offsets", offsets.size(), sums.size() + 1);
  DeviceExecutor(stream, "masked_sums")
      .run(sums.size(), MaskedSumKernel{.values = view_of(values),
                                        .mask = view_of(mask),
                                        .offsets = view_of(offsets),
                                        .sums = view_of(sums)});
}

#define VISPLAY_LOG_PROBS_OF(Number)                                                               \
  void log_probs(const LogitsView<const Number>& logits, std::span<const std::int64_t> targets,    \
                 float temperature, const LogProbOutputs& out, Stream& stream) {                   \
    forward(logits, targets, temperature, out, stream);                                            \
  }                                                                                                \
  void log_probs_backward(const LogitsView<Number>& logits, std::span<const std::int64_t> targets, \
                          float temperature, const LogProbGradients& gradients, Stream& stream) {  \
    backward(logits, targets, temperature, gradients, stream);                                     \
  }
VISPLAY_LOG_PROBS_OF(float)
VISPLAY_LOG_PROBS_OF(BFloat16)
VISPLAY_LOG_PROBS_OF(Float16)
#undef VISPLAY_LOG_PROBS_OF

void linear_log_probs(const LinearLogProbsInput& input, const LinearLogProbsOutput& output,
                      Stream& stream, std::int64_t chunk) {
  const HeadPlan plan = checked_plan(input, chunk, output.top_k);
  check_output(input, output);
  const Stream::Space memory(stream, HeadSpace(Area(), plan).bytes);
  DeviceExecutor executor(stream, "linear_log_probs");
  linear_log_probs(executor, plan, output, HeadSpace(Area(memory.data()), plan));
}

void linear_log_probs_backward(const LinearLogProbsInput& input, std::span<const float> log_sum_exp,
                               std::span<const float> entropy,
                               const LinearLogProbsCoefficients& coefficients,
                               const LinearLogProbsGradient& gradient, Stream& stream,
                               std::span<const std::byte> kept, std::int64_t chunk) {
  const HeadPlan plan = checked_plan(input, chunk, 0);
  linear_log_probs_detail::check_backward(input, log_sum_exp.size(), entropy.size(), coefficients,
                                          gradient);
  check_size(entropy.size(), input, "entropies");
  check_head_types(input, gradient);
  const Stream::Space memory(stream, HeadSpace(Area(), plan, gradient).bytes);
  DeviceExecutor executor(stream, "linear_log_probs_backward");
  linear_log_probs_backward(executor, plan, log_sum_exp, entropy, coefficients, gradient,
                            HeadSpace(Area(memory.data()), plan, gradient), kept);
}

void linear_log_probs_with_gradient(const LinearLogProbsInput& input,
                                    const LinearLogProbsOutput& output,
                                    const CoefficientsOf& coefficients_of,
                                    const LinearLogProbsGradient& gradient, Stream& stream,
                                    std::int64_t chunk) {
  const HeadPlan plan = checked_plan(input, chunk, output.top_k);
  check_output(input, output);
  linear_log_probs_detail::check_gradient(gradient.hidden, input.hidden, "hidden");
  linear_log_probs_detail::check_gradient(gradient.head, input.head, "head");
  check_head_types(input, gradient);
  const Stream::Space memory(stream, HeadSpace(Area(), plan, gradient).bytes);
  DeviceExecutor executor(stream, "linear_log_probs_with_gradient");
  linear_log_probs_with_gradient(executor, plan, output, coefficients_of, gradient,
                                 HeadSpace(Area(memory.data()), plan, gradient),
                                 [&](const auto& by) { check_coefficients(input, by); });
}

std::size_t linear_log_probs_bytes(const LinearLogProbsInput& input, std::int64_t chunk,
                                   std::size_t top_k) {
  return HeadSpace(Area(), checked_plan(input, chunk, top_k)).bytes + product_bytes();
}
std::size_t linear_log_probs_bytes(const LinearLogProbsInput& input,
                                   const LinearLogProbsGradient& gradient, std::int64_t chunk,
                                   std::size_t top_k) {
  return HeadSpace(Area(), checked_plan(input, chunk, top_k), gradient).bytes + product_bytes();
}

double gradient_norm(std::span<const AdamWTensor> tensors, Stream& stream) {
  return awaited(stream, [&](double* norm) { norm_of(tensors, norm, stream); });
}
double gradient_norm(std::span<const CompactAdamWTensor> tensors, Stream& stream) {
  return awaited(stream, [&](double* norm) { norm_of(tensors, norm, stream); });
}
double adamw_step(std::span<const AdamWTensor> tensors, const AdamWStep& step, Stream& stream) {
  return awaited(stream, [&](double* norm) { step_all(tensors, step, norm, stream); });
}
double adamw_step(std::span<const CompactAdamWTensor> tensors, const AdamWStep& step,
                  Stream& stream) {
  return awaited(stream, [&](double* norm) { step_all(tensors, step, norm, stream); });
}
void adamw_step(std::span<const AdamWTensor> tensors, const AdamWStep& step, double* norm,
                Stream& stream) {
  step_all(tensors, step, norm, stream);
}
void adamw_step(std::span<const CompactAdamWTensor> tensors, const AdamWStep& step, double* norm,
                Stream& stream) {
  step_all(tensors, step, norm, stream);
}

}  // namespace visplay::cuda
