// The fused head on CUDA: the order of products and kernels, on any Executor. The vocabulary goes by
// chunks of C rows; of the logits only one chunk, [N, C] in float32, is in memory.
//
//   forward    for each chunk: product, HeadSumsKernel, for a top k HeadTopKernel; then HeadResultsKernel
//              and HeadTopResultsKernel
//   backward   HeadRowsKernel, in float16 HeadScaleKernel; then for each chunk: product, HeadSlopesKernel, and two products: the
//              head's gradient of the chunk, written once, and the hidden states', added in float32
//
// Work: 2NHV and 6NHV. Work space, in bytes: 4 N C + 40 N, and 16 N k for a top k; with gradient 28 N
// more, 2 N C unless in float32, and 4 N H unless the hidden states' gradient is float32. Everything must be of
// the device, spans included; shapes are checked by those who call (launch.cpp). Hidden states must be finite for the head's
// gradient, those of ignored tokens too: their zero slopes are multiplied by them.
#pragma once

#include <visplay/core/float16.hpp>
#include <visplay/kernels/cuda/executor.hpp>
#include <visplay/kernels/cuda/linear_log_probs_kernel.hpp>
#include <visplay/kernels/linear_log_probs.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace visplay::cuda {

/// Rows of the head at a time: as many as make 16 Mi logits, in [256, 16384].
constexpr std::int64_t default_chunk(std::int64_t tokens) {
  const std::int64_t rows = (std::int64_t(1) << 24) / std::max<std::int64_t>(tokens, 1);
  return std::clamp<std::int64_t>(rows / 128 * 128, 256, 16384);
}

struct HeadPlan {
  LinearLogProbsInput input;
  std::int64_t chunk = 0;  ///< C, 0: default_chunk
  std::size_t top_k = 0;   ///< the output's

  [[nodiscard]] std::int64_t tokens() const { return input.hidden.rows; }
  [[nodiscard]] std::int64_t depth() const { return input.hidden.columns; }
  [[nodiscard]] std::int64_t vocabulary() const {
    return input.vocabulary > 0 ? input.vocabulary : input.head.rows;
  }
  /// C of this call, a multiple of 8.
  [[nodiscard]] std::int64_t rows() const {
    const std::int64_t wanted = chunk > 0 ? chunk : default_chunk(tokens());
    return (std::min(wanted, vocabulary()) + 7) / 8 * 8;
  }
};

/// The work space of a call. Its size: that of an Area without data that was laid out.
struct HeadSpace {
  HeadSpace(Area area, const HeadPlan& plan) : HeadSpace(area, plan, nullptr) {}
  HeadSpace(Area area, const HeadPlan& plan, const LinearLogProbsGradient& gradient)
      : HeadSpace(area, plan, &gradient) {}

  GlobalView<float> logits;  ///< [N, C]
  GlobalView<HeadState> states;
  GlobalView<TopKey> top[2];  ///< [N, top_k]: before a chunk and after it, in turn
  GlobalView<float> log_probs, entropy, log_sums;  ///< for results that nobody else asked for
  GlobalView<HeadRow> rows;
  GlobalView<std::byte> slopes;  ///< [N, C] of the input's type; in float32 the logits themselves
  GlobalView<float> hidden;      ///< [N, H], unless the gradient is float32
  GlobalView<ProductFactor> factor;  ///< [1], in float16
  std::size_t bytes = 0;

 private:
  HeadSpace(Area area, const HeadPlan& plan, const LinearLogProbsGradient* gradient) {
    const auto n = std::size_t(plan.tokens());
    logits = area.take<float>(n * std::size_t(plan.rows()));
    states = area.take<HeadState>(n);
    for (auto& keys : top) keys = area.take<TopKey>(n * plan.top_k);
    if (gradient) {
      log_probs = area.take<float>(n), entropy = area.take<float>(n);
      log_sums = area.take<float>(n), rows = area.take<HeadRow>(n);
      slopes = {reinterpret_cast<std::byte*>(logits.data), logits.count * sizeof(float)};
      if (plan.input.hidden.type != FloatType::float32)
        slopes = area.take<std::byte>(logits.count * 2);
      if (plan.input.hidden.type == FloatType::float16) factor = area.take<ProductFactor>(1);
      if (gradient->hidden.data && gradient->hidden.type != FloatType::float32)
        hidden = area.take<float>(n * std::size_t(plan.depth()));
    }
    bytes = area.bytes();
  }
};

namespace head_detail {

/// Rows [first, first + count) of a matrix.
template <class Matrix>
Matrix rows_of(Matrix m, std::int64_t first, std::int64_t count) {
  using Byte = std::conditional_t<std::is_const_v<std::remove_pointer_t<decltype(m.data)>>,
                                  const std::byte, std::byte>;
  m.data = static_cast<Byte*>(m.data) + first * m.stride * bytes_of(m.type);
  m.rows = count;
  return m;
}

template <Executor E>
class Driver {
 public:
  Driver(E& executor, const HeadPlan& plan, const HeadSpace& space)
      : executor_(executor),
        plan_(plan),
        space_(space),
        tokens_(std::size_t(plan.tokens())),
        targets_(view_of(plan.input.targets)) {}

  void forward(const LinearLogProbsOutput& out) const {
    if (tokens_ == 0) return;
    GlobalView<TopKey> before = space_.top[0], top = space_.top[1];
    for_each_chunk([&](const LogitsChunk<const float>& logits) {
      executor_.run(tokens_,
                    HeadSumsKernel{logits, plan_.input.temperature, targets_, space_.states});
      if (plan_.top_k == 0) return;
      std::swap(before, top);
      executor_.run(tokens_, HeadTopKernel{.logits = logits,
                                           .targets = targets_,
                                           .top_k = plan_.top_k,
                                           .before = as_const(before),
                                           .after = top});
    });
    executor_.run(blocks_for(tokens_, HeadResultsKernel::threads),
                  HeadResultsKernel{.targets = targets_,
                                    .temperature = plan_.input.temperature,
                                    .states = as_const(space_.states),
                                    .log_probs = view_of(out.log_probs),
                                    .entropy = view_of(out.entropy),
                                    .sum_squares = view_of(out.sum_squares),
                                    .log_sums = view_of(out.log_sums)});
    if (plan_.top_k == 0) return;
    executor_.run(blocks_for(top.count, HeadTopResultsKernel::threads),
                  HeadTopResultsKernel{.targets = targets_,
                                       .temperature = plan_.input.temperature,
                                       .top_k = plan_.top_k,
                                       .states = as_const(space_.states),
                                       .keys = as_const(top),
                                       .log_probs = view_of(out.top_log_probs),
                                       .ids = view_of(out.top_ids)});
  }

  void backward(std::span<const float> log_sums, std::span<const float> entropy,
                const LinearLogProbsCoefficients& by,
                const LinearLogProbsGradient& gradient) const {
    if (gradient.head.data) {
      const std::int64_t done = tokens_ == 0 ? 0 : plan_.vocabulary();
      executor_.clear(rows_of(gradient.head, done, gradient.head.rows - done));
    }
    if (tokens_ == 0 || (!gradient.head.data && !gradient.hidden.data)) return;
    executor_.run(blocks_for(tokens_, HeadRowsKernel::threads),
                  HeadRowsKernel{.targets = targets_,
                                 .temperature = plan_.input.temperature,
                                 .log_sums = view_of(log_sums),
                                 .entropy = view_of(entropy),
                                 .by_log_prob = view_of(by.log_probs),
                                 .by_entropy = view_of(by.entropy),
                                 .rows = space_.rows});
    if (space_.factor.count > 0)
      executor_.run(1, HeadScaleKernel{targets_, space_.rows, space_.factor});
    for_each_chunk([&](const LogitsChunk<const float>& logits) {
      slopes_of(logits);
      multiply_slopes(logits, gradient);
    });
    if (space_.hidden.count > 0) round_hidden(gradient.hidden);
  }

 private:
  /// use(logits) once the product of each chunk is asked for.
  template <class Use>
  void for_each_chunk(const Use& use) const {
    const std::int64_t rows = plan_.rows();
    for (std::int64_t first = 0; first < plan_.vocabulary(); first += rows) {
      const std::int64_t count = std::min(rows, plan_.vocabulary() - first);
      executor_.product({plan_.input.hidden}, {rows_of(plan_.input.head, first, count)},
                        {space_.logits.data, FloatType::float32, plan_.tokens(), count, rows},
                        false);
      use(LogitsChunk<const float>{as_const(space_.logits), std::size_t(rows), std::size_t(first),
                                   std::size_t(count)});
    }
  }

  void slopes_of(const LogitsChunk<const float>& logits) const {
    const auto run = [&]<class Number>(Number* to) {
      executor_.run(tokens_, HeadSlopesKernel<Number>{.logits = logits,
                                                      .temperature = plan_.input.temperature,
                                                      .targets = targets_,
                                                      .rows = as_const(space_.rows),
                                                      .slopes = {to, logits.values.count}});
    };
    if (plan_.input.hidden.type == FloatType::float32)
      run(reinterpret_cast<float*>(space_.slopes.data));
    else if (plan_.input.hidden.type == FloatType::bfloat16)
      run(reinterpret_cast<BFloat16*>(space_.slopes.data));
    else
      run(reinterpret_cast<Float16*>(space_.slopes.data));
  }

  void multiply_slopes(const LogitsChunk<const float>& logits,
                       const LinearLogProbsGradient& gradient) const {
    const auto first = std::int64_t(logits.first), count = std::int64_t(logits.columns);
    const FloatMatrix slopes{space_.slopes.data, plan_.input.hidden.type, plan_.tokens(), count,
                             std::int64_t(logits.stride)};
    if (gradient.head.data)
      executor_.product({slopes, true}, {plan_.input.hidden, true},
                        rows_of(gradient.head, first, count), false, space_.factor.data);
    MutableFloatMatrix sum = gradient.hidden;
    if (space_.hidden.count > 0)
      sum = {space_.hidden.data, FloatType::float32, plan_.tokens(), plan_.depth(), plan_.depth()};
    if (sum.data)
      executor_.product({slopes}, {rows_of(plan_.input.head, first, count), true}, sum, first > 0,
                        space_.factor.data);
  }

  void round_hidden(const MutableFloatMatrix& to) const {
    const auto run = [&]<class Number>(Number* data) {
      const auto columns = std::size_t(to.columns), stride = std::size_t(to.stride);
      executor_.run(tokens_, RoundKernel<Number>{.from = as_const(space_.hidden),
                                                 .to = {data, (tokens_ - 1) * stride + columns},
                                                 .columns = columns,
                                                 .stride = stride});
    };
    if (to.type == FloatType::bfloat16)
      run(static_cast<BFloat16*>(to.data));
    else
      run(static_cast<Float16*>(to.data));
  }

  E& executor_;
  const HeadPlan& plan_;
  const HeadSpace& space_;
  std::size_t tokens_;
  GlobalView<const std::int64_t> targets_;
};

}  // namespace head_detail

template <Executor E>
void linear_log_probs(E& executor, const HeadPlan& plan, const LinearLogProbsOutput& output,
                      const HeadSpace& space) {
  head_detail::Driver(executor, plan, space).forward(output);
}

template <Executor E>
void linear_log_probs_backward(E& executor, const HeadPlan& plan, std::span<const float> log_sums,
                               std::span<const float> entropy, const LinearLogProbsCoefficients& by,
                               const LinearLogProbsGradient& gradient, const HeadSpace& space) {
  head_detail::Driver(executor, plan, space).backward(log_sums, entropy, by, gradient);
}

/// `check_coefficients` is called with those that the objective gives.
template <Executor E, class Check>
void linear_log_probs_with_gradient(E& executor, const HeadPlan& plan,
                                    const LinearLogProbsOutput& output,
                                    const CoefficientsOf& coefficients_of,
                                    const LinearLogProbsGradient& gradient, const HeadSpace& space,
                                    const Check& check_coefficients) {
  LinearLogProbsOutput out = output;
  const auto need = [](std::span<float>& of, const GlobalView<float>& spare) {
    if (of.empty()) of = {spare.data, spare.count};
  };
  need(out.log_probs, space.log_probs);
  need(out.entropy, space.entropy);
  need(out.log_sums, space.log_sums);
  const head_detail::Driver driver(executor, plan, space);
  driver.forward(out);
  const LinearLogProbsCoefficients by = coefficients_of(out.log_probs, out.entropy);
  check_coefficients(by);
  driver.backward(out.log_sums, out.entropy, by, gradient);
}

}  // namespace visplay::cuda
