// What a call of adamw_step has to fit, on the CPU and on CUDA: sizes, nothing of the memory behind them.
// Each throws Error with one line; `i` is the tensor's number.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/kernels/adamw.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace visplay::adamw_detail {

inline void check_size(std::size_t i, std::string_view what, std::size_t size,
                       std::size_t expected) {
  check(size == expected, "adamw: tensor {}: expected {} {}, got {}", i, expected, what, size);
}

template <class Tensor>
void check_gradients(std::size_t i, const Tensor& tensor) {
  if (!tensor.gradients.empty())
    check_size(i, "gradients", tensor.gradients.size(), tensor.weights.size());
}

/// @param moments  what has them as `first` and `second`, of n elements
template <class Moments>
void check_moments(std::size_t i, std::size_t n, const Moments& moments) {
  check_size(i, "first moments", moments.first.size(), n);
  check_size(i, "second moments", moments.second.size(), n);
}
template <class Moments>
void check_compact_moments(std::size_t i, std::size_t n, const Moments& moments) {
  check_moments(i, n, moments);
  const std::size_t blocks = CompactMoments::blocks(n);
  check_size(i, "first exponents", moments.first_exponents.size(), blocks);
  check_size(i, "second exponents", moments.second_exponents.size(), blocks);
}

inline void check_step(const AdamWStep& step) {
  check(step.step >= 1 && step.step < (std::int64_t(1) << 32),
        "adamw: expected a step in [1, 2^32), got {}", step.step);
  const double norm = step.grad_norm.value_or(0);
  check(!(norm < 0), "adamw: expected a gradient norm from 0 on, got {}", norm);
}

}  // namespace visplay::adamw_detail
