// adamw_step: clips the gradient's global norm and updates many tensors (AdamW, Loshchilov and Hutter
// 2019, 1711.05101; formulas in adamw_formula.hpp). Two trips over memory: the norm, then one fused
// update.
//
//   float32 weights, gradients and moments   4 + 28 bytes an element
//   bfloat16 weights and gradients, weights rounded stochastically, moments of 8 bits   2 + 10 bytes
//
// Random bits come from a counter (Philox) named by (key, tensor, step, element). Squares are summed
// by blocks that depend on the sizes alone and merged in pairs. So results are the same to the bit
// for any number of threads, at one level of instruction set (core/simd_level.hpp).
#pragma once

#include <visplay/core/bfloat16.hpp>
#include <visplay/core/parallel.hpp>
#include <visplay/kernels/adamw_formula.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace visplay {

/// One tensor of n elements; all spans but `gradients` are [n].
struct AdamWTensor {
  std::span<float> weights;
  std::span<const float> gradients;  ///< [n], or empty: zero
  std::span<float> first, second;    ///< moments, zero before step 1
  float weight_decay = 0;
};

/// Moments of a tensor in 8 bits. The four vectors are all that a checkpoint has to keep.
struct CompactMoments {
  explicit CompactMoments(std::size_t elements = 0)
      : first(elements),
        second(elements),
        first_exponents(blocks(elements)),
        second_exponents(blocks(elements)) {}
  [[nodiscard]] static constexpr std::size_t blocks(std::size_t elements) {
    return (elements + adamw_detail::compact_block - 1) / adamw_detail::compact_block;
  }
  /// @throws std::out_of_range
  [[nodiscard]] float first_at(std::size_t i) const;
  [[nodiscard]] float second_at(std::size_t i) const;  ///< never 0: 2^-122 before step 1

  std::vector<std::uint8_t> first, second;                      ///< [n]
  std::vector<std::uint8_t> first_exponents, second_exponents;  ///< [blocks(n)]
};

struct CompactAdamWTensor {
  std::span<BFloat16> weights;
  std::span<const BFloat16> gradients;  ///< [n], or empty: zero
  CompactMoments* moments = nullptr;    ///< of n elements
  float weight_decay = 0;
};

struct AdamWStep {
  std::int64_t step = 1;  ///< counts from 1; below 2^32
  double learning_rate = 1e-6;
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
  double max_grad_norm = 0;  ///< 0: no clipping
  /// Of all gradients, where these are a shard of them: the root of the sum of squares of all ranks'
  /// gradient_norm. Empty: of these, computed.
  std::optional<double> grad_norm{};
  /// Of the random bits, such as Rng(seed).fork("adamw").key(); another for each shard.
  std::uint64_t key = 0;
};

namespace adamw_detail {
/// The numbers that the loops take.
[[nodiscard]] AdamWFactors factors_of(const AdamWStep& step, float weight_decay);
}  // namespace adamw_detail

/// Square root of the sum of all squares.
/// @throws Error if the spans of a tensor do not fit each other
[[nodiscard]] double gradient_norm(std::span<const AdamWTensor> tensors, ThreadPool& pool);
[[nodiscard]] double gradient_norm(std::span<const CompactAdamWTensor> tensors, ThreadPool& pool);

/// Nothing changes if the norm is not finite; which it is not either where squares of gradients leave
/// float32 (gradients of 1.8e19, or hundreds of 1e18 side by side). Gradients are scaled by
/// max_grad_norm / (norm + 1e-6) if the norm is larger; what is in memory of them stays as it is.
/// @return the norm before clipping: not finite says that the step was skipped
/// @throws Error if the spans of a tensor do not fit each other, step < 1 or grad_norm < 0
double adamw_step(std::span<const AdamWTensor> tensors, const AdamWStep& step, ThreadPool& pool);
double adamw_step(std::span<const CompactAdamWTensor> tensors, const AdamWStep& step,
                  ThreadPool& pool);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/kernels/adamw.ipp>
#endif
