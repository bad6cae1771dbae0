// linear_log_probs: from hidden states to log-probs of chosen tokens, their entropy and gradients,
// without the logits in memory (the "fused head").
//
//   z = hidden . head^T / T                                       [N, V], one tile at a time
//   log_prob = z[target] - log sum e^z,  entropy = log sum e^z - sum p z,  p = softmax(z)
//   d(objective)/dz_j = a (1[j = target] - p_j) - b p_j (log p_j + entropy)
//
// for coefficients a = d(objective)/d(log_prob) and b = d(objective)/d(entropy) of each token. The
// backward pass computes z again, by blocks of the vocabulary, as far as the forward pass was not given
// memory to keep it in (LinearLogProbsOutput::kept).
//
//   linear_log_probs(head, {.log_probs = values, .entropy = entropies}, pool);
//   linear_log_probs_with_gradient(head, out, grpo_coefficients, {hidden_gradient, head_gradient}, pool);
//
// Shapes: N tokens, H hidden size, V vocabulary. Work: 2NHV, with gradient 8NHV, or 6NHV if all logits
// are kept. Reads the head once per 1,024 tokens (fewer beyond H = 2,048: 4 MiB of them packed). Working
// memory, kept by the calling thread: without gradient at most 5.5 MiB and 1.2 MiB a thread (the top k of
// each token: 8 (k + 1) KiB a thread more); with gradient about 8 bytes N H (12 at levels that multiply in
// float32), 24 MiB and 1.1 MiB a thread. bfloat16 inputs are multiplied by AMX or AVX512-BF16 where the
// processor has them, else, like float16, as float32; all sums are float32 or double. The result is the
// same to the bit for any number of threads and from call to call, at one level of instruction set
// (core/simd_level.hpp). docs/kernels.md tells how it became what it is.
#pragma once

#include <visplay/core/parallel.hpp>
#include <visplay/core/simd_level.hpp>
#include <visplay/kernels/float_matrix.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

namespace visplay {

struct LinearLogProbsInput {
  FloatMatrix hidden;                     ///< [N, H], after the final norm
  FloatMatrix head;                       ///< [V or more, H], of the same type
  std::span<const std::int64_t> targets;  ///< [N], in [0, V), or negative: the row is ignored
  std::int64_t vocabulary = 0;            ///< V, if the head has padded rows behind it; 0: all rows
  float temperature = 1;                  ///< T > 0
};

/// What is computed of each token; an empty span: not wanted. An ignored row gets zeros, and ids of -1.
struct LinearLogProbsOutput {
  std::span<float> log_probs{};    ///< [N], at temperature T
  std::span<float> entropy{};      ///< [N] in nats
  std::span<float> sum_squares{};  ///< [N]: sum p^2, the probability that two samples agree
  std::span<float> log_sum_exp{};  ///< [N]: log sum e^z, what the backward pass needs
  std::size_t top_k = 0;
  std::span<float> top_log_probs{};   ///< [N, top_k], largest first; at a tie the lower id
  std::span<std::int32_t> top_ids{};  ///< [N, top_k]
  /// Room for logits that the backward pass then does not compute again, of any size: more is faster, up
  /// to linear_log_probs_kept_bytes. The backward pass takes it as it was left.
  std::span<std::byte> kept{};
};

/// Of an objective, per token; empty: zero. Ignored rows count as zero.
struct LinearLogProbsCoefficients {
  std::span<const float> log_probs{};  ///< [N]: d(objective)/d(log_prob)
  std::span<const float> entropy{};    ///< [N]: d(objective)/d(entropy)
};

/// Where gradients go; all is overwritten, padded rows of the head with zero. No data: not wanted. Hidden
/// states must be finite, those of ignored rows too.
struct LinearLogProbsGradient {
  MutableFloatMatrix hidden;  ///< [N, H], of any type
  MutableFloatMatrix head;    ///< as the head, of any type
};

/// The coefficients of an objective, once the log-probs and entropies of all rows are known. What
/// they view must live until the call that asked returns.
using CoefficientsOf = std::function<LinearLogProbsCoefficients(std::span<const float> log_probs,
                                                                std::span<const float> entropy)>;

/// Without gradient.
/// @throws Error if shapes, types, targets or the temperature do not fit
void linear_log_probs(const LinearLogProbsInput& input, const LinearLogProbsOutput& output,
                      ThreadPool& pool);

/// The gradient from the log-sums, and if entropy has coefficients the entropies, of the forward
/// pass at the same level: what an autograd function keeps.
/// @param log_sum_exp, entropy  [N] each
/// @param kept               of the forward pass, all of it; or nothing
/// @throws Error as above
void linear_log_probs_backward(const LinearLogProbsInput& input, std::span<const float> log_sum_exp,
                               std::span<const float> entropy,
                               const LinearLogProbsCoefficients& coefficients,
                               const LinearLogProbsGradient& gradient, ThreadPool& pool,
                               std::span<const std::byte> kept = {});

/// Of LinearLogProbsOutput::kept, so that nothing is computed again: 2.125 bytes a logit of bfloat16
/// inputs, 4 of others.
[[nodiscard]] constexpr std::size_t linear_log_probs_kept_bytes(std::int64_t tokens,
                                                                std::int64_t vocabulary,
                                                                FloatType type) {
  const auto whole = [](std::int64_t n) { return std::size_t((n + 31) / 32); };
  const std::size_t tile = type == FloatType::bfloat16 ? 32 * 32 * 2 + 32 * 4 : 32 * 32 * 4;
  return whole(tokens) * whole(vocabulary) * tile + 255;
}

/// Forward pass, the objective, backward pass.
/// @throws Error as above, and what `coefficients_of` throws
void linear_log_probs_with_gradient(const LinearLogProbsInput& input,
                                    const LinearLogProbsOutput& output,
                                    const CoefficientsOf& coefficients_of,
                                    const LinearLogProbsGradient& gradient, ThreadPool& pool);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/kernels/linear_log_probs.ipp>
#endif
