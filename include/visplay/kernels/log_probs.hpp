// log_probs: log-prob of the chosen token, entropy, sum p^2 and the most likely tokens from given
// logits, in one trip over them; and the gradient by the logits, written over them.
//
//   log p_j = x_j / T - log sum_k exp(x_k / T)        H = -sum p log p
//   d(g log p_t + h H) / dx_j = (g ([j = t] - p_j) - h p_j (log p_j + H)) / T
//
// Reads 2 or 4 bytes a logit forward, reads and writes them once backward. Rows are independent and
// each has a fixed order of sums: results are the same to the bit for any number of threads, at one
// level of instruction set. Against float64 over the same logits: log-prob within 1e-5, entropy
// within 3e-5.
#pragma once

#include <visplay/core/bfloat16.hpp>
#include <visplay/core/float16.hpp>
#include <visplay/core/parallel.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace visplay {

/// Rows of logits; float, BFloat16 or Float16, const or not.
template <class Number>
struct LogitsView {
  Number* data = nullptr;
  std::size_t rows = 0;        ///< N
  std::size_t vocabulary = 0;  ///< V, over which probabilities sum to 1
  std::size_t stride = 0;      ///< numbers from row to row; those beyond V are padding
};

/// An empty span: not wanted. Rows whose target is negative are ignored: zeros, and ids of -1.
struct LogProbOutputs {
  std::span<float> log_probs{};       ///< [N]
  std::span<float> entropy{};         ///< [N]
  std::span<float> log_sum_exp{};     ///< [N], of logits / T
  std::span<float> sum_of_squares{};  ///< [N], sum p^2
  std::size_t top_k = 0;
  std::span<float> top_log_probs{};   ///< [N, top_k], largest first; at a tie the lower id
  std::span<std::int32_t> top_ids{};  ///< [N, top_k]
};

/// What the backward pass needs of a forward pass, and the gradients of its outputs.
struct LogProbGradients {
  std::span<const float> log_sum_exp{};         ///< [N]
  std::span<const float> entropy{};             ///< [N]; needed if entropy_gradients are given
  std::span<const float> log_prob_gradients{};  ///< [N], g
  std::span<const float> entropy_gradients{};   ///< [N], h; empty: zero
};

/// @param targets  [N]; negative: ignored
/// @throws Error if shapes do not fit, a target is not below V, or temperature is not above 0
void log_probs(const LogitsView<const float>& logits, std::span<const std::int64_t> targets,
               float temperature, const LogProbOutputs& out, ThreadPool& pool);
void log_probs(const LogitsView<const BFloat16>& logits, std::span<const std::int64_t> targets,
               float temperature, const LogProbOutputs& out, ThreadPool& pool);
void log_probs(const LogitsView<const Float16>& logits, std::span<const std::int64_t> targets,
               float temperature, const LogProbOutputs& out, ThreadPool& pool);

/// Overwrites the logits, padding included, by the gradient; zeros in ignored rows and in padding.
/// @throws Error as log_probs
void log_probs_backward(const LogitsView<float>& logits, std::span<const std::int64_t> targets,
                        float temperature, const LogProbGradients& gradients, ThreadPool& pool);
void log_probs_backward(const LogitsView<BFloat16>& logits, std::span<const std::int64_t> targets,
                        float temperature, const LogProbGradients& gradients, ThreadPool& pool);
void log_probs_backward(const LogitsView<Float16>& logits, std::span<const std::int64_t> targets,
                        float temperature, const LogProbGradients& gradients, ThreadPool& pool);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/kernels/log_probs.ipp>
#endif
