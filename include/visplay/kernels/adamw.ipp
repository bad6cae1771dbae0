// Bodies of adamw.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/kernels/adamw.hpp>
#include <visplay/kernels/adamw_checks.hpp>
#include <visplay/kernels/adamw_pass.hpp>

#include <cmath>
#include <cstring>

namespace visplay {
namespace adamw_detail {

// Elements of one task; whole groups of random bits, and part of what fixes a norm's rounding.
constexpr std::size_t task_elements = 32768;
/// Elements below which a second thread is not worth its wake-up.
constexpr std::size_t worth_tasks = 2;

#ifndef VISPLAY_HEADER_ONLY
template <SimdLevel level>
AdamWPasses adamw_passes_at();  // adamw_unit.ipp
#endif

VISPLAY_INLINE AdamWPasses passes() {
#if defined(VISPLAY_SIMD_UNITS) && !defined(VISPLAY_HEADER_ONLY)
  return at_simd_level<SimdLevel::avx512>(
      simd_level(), []<SimdLevel level>() { return adamw_passes_at<level>(); });
#else
  return adamw_pass::passes_here();
#endif
}

struct Task {
  std::size_t tensor, begin, count;
};

template <class Tensor>
std::vector<Task> tasks_of(std::span<const Tensor> tensors) {
  std::vector<Task> tasks;
  for (std::size_t t = 0; t < tensors.size(); ++t)
    for (std::size_t begin = 0; begin < tensors[t].weights.size(); begin += task_elements)
      tasks.push_back({t, begin, std::min(task_elements, tensors[t].weights.size() - begin)});
  return tasks;
}

VISPLAY_INLINE void check_tensor(std::size_t i, const AdamWTensor& tensor) {
  check_moments(i, tensor.weights.size(), tensor);
}
VISPLAY_INLINE void check_tensor(std::size_t i, const CompactAdamWTensor& tensor) {
  check(tensor.moments != nullptr, "adamw: tensor {} has no moments", i);
  check_compact_moments(i, tensor.weights.size(), *tensor.moments);
}

template <class Tensor>
void check_tensors(std::span<const Tensor> tensors) {
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    check_gradients(i, tensors[i]);
    check_tensor(i, tensors[i]);
  }
}

/// A sum whose rounding error grows with the logarithm of the count.
VISPLAY_INLINE double pairwise_sum(std::span<const double> parts) {
  if (parts.empty()) return 0;
  if (parts.size() == 1) return parts[0];
  const std::size_t half = parts.size() / 2;
  return pairwise_sum(parts.first(half)) + pairwise_sum(parts.subspan(half));
}

template <class Body>
void run_tasks(std::size_t count, ThreadPool& pool, const Body& body) {
  if (count >= worth_tasks) return pool.run(count, body);
  for (std::size_t i = 0; i < count; ++i) body(i);
}

template <class Tensor, class Squares>
double norm_of(std::span<const Tensor> tensors, std::span<const Task> tasks, Squares squares,
               ThreadPool& pool) {
  std::vector<double> parts(tasks.size());
  run_tasks(tasks.size(), pool, [&](std::size_t i) {
    const auto& [tensor, begin, count] = tasks[i];
    if (const auto& from = tensors[tensor].gradients; !from.empty())
      parts[i] = squares(from.data() + begin, count);
  });
  return std::sqrt(pairwise_sum(parts));
}

VISPLAY_INLINE AdamWFactors factors_of(const AdamWStep& step, float weight_decay) {
  const auto t = double(step.step);
  return {.keep = float(1 - step.learning_rate * double(weight_decay)),
          .rate = float(step.learning_rate / (1 - std::pow(step.beta1, t))),
          .beta1 = float(step.beta1),
          .beta2 = float(step.beta2),
          .first_share = float(1 - step.beta1),
          .second_share = float(std::sqrt(1 - step.beta2)),
          .root_scale = float(1 / std::sqrt(1 - std::pow(step.beta2, t))),
          .eps = float(step.eps)};
}

VISPLAY_INLINE void update(const AdamWPasses& passes, const AdamWFactors& factors,
                           const AdamWTensor& tensor, const Task& task, const AdamWStep&) {
  const auto [index, begin, count] = task;
  passes.update_floats(
      factors, {.weights = tensor.weights.data() + begin,
                .gradients = tensor.gradients.empty() ? nullptr : tensor.gradients.data() + begin,
                .first = tensor.first.data() + begin,
                .second = tensor.second.data() + begin,
                .count = count});
}

VISPLAY_INLINE void update(const AdamWPasses& passes, const AdamWFactors& factors,
                           const CompactAdamWTensor& tensor, const Task& task,
                           const AdamWStep& step) {
  const auto [index, begin, count] = task;
  CompactMoments& moments = *tensor.moments;
  passes.update_compact(
      factors, {.weights = tensor.weights.data() + begin,
                .gradients = tensor.gradients.empty() ? nullptr : tensor.gradients.data() + begin,
                .first = moments.first.data() + begin,
                .second = moments.second.data() + begin,
                .first_exponents = moments.first_exponents.data() + begin / compact_block,
                .second_exponents = moments.second_exponents.data() + begin / compact_block,
                .count = count,
                .begin = begin,
                .stream = {std::uint32_t(index), std::uint32_t(step.step)},
                .key = step.key});
}

template <class Tensor, class Squares>
double step_all(std::span<const Tensor> tensors, const AdamWStep& step, Squares squares,
                ThreadPool& pool) {
  check_tensors(tensors);
  check_step(step);
  const auto tasks = tasks_of(tensors);
  const double norm = step.grad_norm
                          ? *step.grad_norm
                          : norm_of(tensors, std::span<const Task>(tasks), squares, pool);
  if (!std::isfinite(norm)) return norm;
  const bool clips = step.max_grad_norm > 0 && norm > step.max_grad_norm;
  const auto scale = float(clips ? step.max_grad_norm / (norm + 1e-6) : 1);
  const AdamWPasses use = passes();
  run_tasks(tasks.size(), pool, [&](std::size_t i) {
    const Tensor& tensor = tensors[tasks[i].tensor];
    update(use, clipped(factors_of(step, tensor.weight_decay), scale), tensor, tasks[i], step);
  });
  return norm;
}

}  // namespace adamw_detail

VISPLAY_INLINE float CompactMoments::first_at(std::size_t i) const {
  using namespace adamw_detail;
  const std::int32_t exponent = first_exponents.at(i / compact_block);
  return first_of(first.at(i), grain_of<float>(exponent));
}

VISPLAY_INLINE float CompactMoments::second_at(std::size_t i) const {
  using namespace adamw_detail;
  const std::int32_t exponent = second_exponents.at(i / compact_block);
  return second_of(second.at(i), grain_of<float>(exponent));
}

VISPLAY_INLINE double gradient_norm(std::span<const AdamWTensor> tensors, ThreadPool& pool) {
  using namespace adamw_detail;
  check_tensors(tensors);
  const auto tasks = tasks_of(tensors);
  return norm_of(tensors, std::span<const Task>(tasks), passes().float_squares, pool);
}

VISPLAY_INLINE double gradient_norm(std::span<const CompactAdamWTensor> tensors, ThreadPool& pool) {
  using namespace adamw_detail;
  check_tensors(tensors);
  const auto tasks = tasks_of(tensors);
  return norm_of(tensors, std::span<const Task>(tasks), passes().bfloat16_squares, pool);
}

VISPLAY_INLINE double adamw_step(std::span<const AdamWTensor> tensors, const AdamWStep& step,
                                 ThreadPool& pool) {
  return adamw_detail::step_all(tensors, step, adamw_detail::passes().float_squares, pool);
}

VISPLAY_INLINE double adamw_step(std::span<const CompactAdamWTensor> tensors, const AdamWStep& step,
                                 ThreadPool& pool) {
  return adamw_detail::step_all(tensors, step, adamw_detail::passes().bfloat16_squares, pool);
}

}  // namespace visplay
