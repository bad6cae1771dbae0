// The fused head on CUDA: the order of products and kernels, on any Executor. The vocabulary goes by
// chunks of C rows; of the logits only one chunk, [N, C] in float32, is in memory, and those that the
// forward pass keeps.
//
//   forward    for each chunk: product, HeadSumsKernel, for a top k HeadTopKernel; then HeadResultsKernel
//              and HeadTopResultsKernel
//   backward   HeadRowsKernel, in float16 HeadScaleKernel; then for each chunk: product, unless its logits
//              were kept, HeadSlopesKernel, and two products: the head's gradient of the chunk, written
//              once, and the hidden states', added in float32
//
// Work: 2NHV, and 6NHV less what is kept of 2NHV. Work space, in bytes: 4 N C + 40 N, and 16 N k for a top k; with gradient 28 N
// more, 2 N C unless in float32, and 4 N H unless the hidden states' gradient is float32. Everything must be of
// the device, spans included; shapes are checked by those who call (launch.cpp). Hidden states must be finite for the head's
// gradient, those of ignored tokens too: their zero slopes are multiplied by them.
#pragma once

#include <visplay/core/float16.hpp>
#include <visplay/kernels/cuda/linear_log_probs_space.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace visplay::cuda {

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
    const HeadKept<std::byte> kept(out.kept, plan_);
    for_each_chunk([&](const HeadChunk& chunk) {
      const bool keeps = kept.has(chunk);
      const LogitsChunk<const float> logits =
          multiply(chunk, keeps && !kept.is_coded() ? kept.floats(chunk) : space_.logits);
      const auto add = [&]<bool codes>(HeadSumsKernel<codes> kernel) {
        kernel.logits = logits, kernel.temperature = plan_.input.temperature;
        kernel.targets = targets_, kernel.states = space_.states;
        executor_.run(tokens_, kernel);
      };
      if (keeps && kept.is_coded())
        add(HeadSumsKernel<true>{.kept = kept.codes(chunk)});
      else
        add(HeadSumsKernel<false>{});
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
                                    .log_sum_exp = view_of(out.log_sum_exp)});
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

  void backward(std::span<const float> log_sum_exp, std::span<const float> entropy,
                const LinearLogProbsCoefficients& by, const LinearLogProbsGradient& gradient,
                std::span<const std::byte> memory) const {
    if (gradient.head.data) {
      const std::int64_t done = tokens_ == 0 ? 0 : plan_.vocabulary();
      executor_.clear(rows_of(gradient.head, done, gradient.head.rows - done));
    }
    if (tokens_ == 0 || (!gradient.head.data && !gradient.hidden.data)) return;
    executor_.run(blocks_for(tokens_, HeadRowsKernel::threads),
                  HeadRowsKernel{.targets = targets_,
                                 .temperature = plan_.input.temperature,
                                 .log_sum_exp = view_of(log_sum_exp),
                                 .entropy = view_of(entropy),
                                 .by_log_prob = view_of(by.log_probs),
                                 .by_entropy = view_of(by.entropy),
                                 .rows = space_.rows});
    if (space_.factor.count > 0)
      executor_.run(1, HeadScaleKernel{targets_, space_.rows, space_.factor});
    const HeadKept<const std::byte> kept(memory, plan_);
    for_each_chunk([&](const HeadChunk& chunk) {
      if (!kept.has(chunk))
        slopes_of(multiply(chunk, space_.logits));
      else if (!kept.is_coded())
        slopes_of(chunk_of(chunk, kept.floats(chunk)));
      else
        run_slopes<BFloat16>(KeptChunk{kept.codes(chunk), std::size_t(chunk.stride()),
                                       std::size_t(chunk.first), std::size_t(chunk.count)});
      multiply_slopes(chunk, gradient);
    });
    if (space_.hidden.count > 0) round_hidden(gradient.hidden);
  }

 private:
  void for_each_chunk(const auto& use) const {
    const std::int64_t rows = plan_.rows();
    for (std::int64_t first = 0; first < plan_.vocabulary(); first += rows)
      use(HeadChunk{first, std::min(rows, plan_.vocabulary() - first)});
  }

  template <class Number>
  static LogitsChunk<Number> chunk_of(const HeadChunk& chunk, const GlobalView<Number>& values) {
    return {values, std::size_t(chunk.stride()), std::size_t(chunk.first),
            std::size_t(chunk.count)};
  }
  LogitsChunk<const float> multiply(const HeadChunk& chunk, const GlobalView<float>& to) const {
    executor_.product({plan_.input.hidden}, {rows_of(plan_.input.head, chunk.first, chunk.count)},
                      {to.data, FloatType::float32, plan_.tokens(), chunk.count, chunk.stride()},
                      false);
    return chunk_of(chunk, as_const(to));
  }

  void slopes_of(const LogitsChunk<const float>& logits) const {
    if (plan_.input.hidden.type == FloatType::float32)
      run_slopes<float>(logits);
    else if (plan_.input.hidden.type == FloatType::bfloat16)
      run_slopes<BFloat16>(logits);
    else
      run_slopes<Float16>(logits);
  }
  template <class Number, class Chunk>
  void run_slopes(const Chunk& logits) const {
    executor_.run(tokens_, HeadSlopesKernel<Number, Chunk>{
                               .logits = logits,
                               .temperature = plan_.input.temperature,
                               .targets = targets_,
                               .rows = as_const(space_.rows),
                               .slopes = {reinterpret_cast<Number*>(space_.slopes.data),
                                          tokens_ * logits.stride}});
  }

  void multiply_slopes(const HeadChunk& chunk, const LinearLogProbsGradient& gradient) const {
    const FloatMatrix slopes{space_.slopes.data, plan_.input.hidden.type, plan_.tokens(),
                             chunk.count, chunk.stride()};
    if (gradient.head.data)
      executor_.product({slopes, true}, {plan_.input.hidden, true},
                        rows_of(gradient.head, chunk.first, chunk.count), false,
                        space_.factor.data);
    MutableFloatMatrix sum = gradient.hidden;
    if (space_.hidden.count > 0)
      sum = {space_.hidden.data, FloatType::float32, plan_.tokens(), plan_.depth(), plan_.depth()};
    if (sum.data)
      executor_.product({slopes}, {rows_of(plan_.input.head, chunk.first, chunk.count), true}, sum,
                        chunk.first > 0, space_.factor.data);
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
void linear_log_probs_backward(E& executor, const HeadPlan& plan,
                               std::span<const float> log_sum_exp, std::span<const float> entropy,
                               const LinearLogProbsCoefficients& by,
                               const LinearLogProbsGradient& gradient, const HeadSpace& space,
                               std::span<const std::byte> kept = {}) {
  head_detail::Driver(executor, plan, space).backward(log_sum_exp, entropy, by, gradient, kept);
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
  need(out.log_sum_exp, space.log_sum_exp);
  const head_detail::Driver driver(executor, plan, space);
  driver.forward(out);
  const LinearLogProbsCoefficients by = coefficients_of(out.log_probs, out.entropy);
  check_coefficients(by);
  driver.backward(out.log_sum_exp, out.entropy, by, gradient, out.kept);
}

}  // namespace visplay::cuda
