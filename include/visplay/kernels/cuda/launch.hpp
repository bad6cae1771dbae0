// The kernels of this folder over memory of the device: the operations of kernels/*.hpp with a
// cuda::Stream in place of the ThreadPool. Needs no CUDA header; link visplay::cuda.
//
//   cuda::Stream stream;
//   cuda::linear_log_probs(head, {.log_probs = values, .entropy = entropies}, stream);
//
// All that spans and matrices show is the device's; the structs that hold them are read before a call
// returns. Calls are asynchronous unless they give a result to the host. Shapes are checked and throw
// Error before anything runs (but for coefficients that a callback gives). What lies in device memory is
// not looked at: offsets must not fall, targets must be below the vocabulary or negative. The log-prob of
// one that is not is NaN, its gradient has no meaning. Results are the same to the bit from call to call
// on one device: no atomics, fixed orders of sums.
#pragma once

#include <visplay/core/grouped_span.hpp>
#include <visplay/kernels/adamw.hpp>
#include <visplay/kernels/cuda/adamw_driver.hpp>
#include <visplay/kernels/cuda/group_kernel.hpp>
#include <visplay/kernels/cuda/stream.hpp>
#include <visplay/kernels/linear_log_probs.hpp>
#include <visplay/kernels/log_probs.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace visplay::cuda {

/// advantage/group_relative.hpp's: (r - mean) / (std + epsilon), zero in a group of equal rewards.
/// @param advantages  [n]
void group_advantages(const GroupedSpan& rewards, std::span<float> advantages, double epsilon,
                      Stream& stream);

/// sums[b] of the values of completion b where the mask is not zero, and how many there are.
/// @param mask     [N], or empty: all
/// @param offsets  [B + 1]
void masked_sums(std::span<const float> values, std::span<const float> mask,
                 std::span<const std::int64_t> offsets, std::span<MaskedSum> sums, Stream& stream);

/// As kernels/log_probs.hpp. Reads 2 or 4 bytes a logit; for a top_k, twice, and a 512th of them k times.
void log_probs(const LogitsView<const float>& logits, std::span<const std::int64_t> targets,
               float temperature, const LogProbOutputs& out, Stream& stream);
void log_probs(const LogitsView<const BFloat16>& logits, std::span<const std::int64_t> targets,
               float temperature, const LogProbOutputs& out, Stream& stream);
void log_probs(const LogitsView<const Float16>& logits, std::span<const std::int64_t> targets,
               float temperature, const LogProbOutputs& out, Stream& stream);

/// Overwrites the logits, padding included. Reads and writes them once.
void log_probs_backward(const LogitsView<float>& logits, std::span<const std::int64_t> targets,
                        float temperature, const LogProbGradients& gradients, Stream& stream);
void log_probs_backward(const LogitsView<BFloat16>& logits, std::span<const std::int64_t> targets,
                        float temperature, const LogProbGradients& gradients, Stream& stream);
void log_probs_backward(const LogitsView<Float16>& logits, std::span<const std::int64_t> targets,
                        float temperature, const LogProbGradients& gradients, Stream& stream);

/// As kernels/linear_log_probs.hpp. Logits are kept by whole chunks: give the backward pass the same `chunk`.
/// All of them take linear_log_probs_kept_bytes (with chunks of 256 rows or more), too. The head's gradient is float32 or of the head's
/// type. For that, hidden states must be finite, also those of ignored tokens. In float16 gradients of logits
/// are scaled by a power of two: they have 11 bits down to 2^-28 of the call's largest, and end at 2^-39.
/// linear_log_probs_driver.hpp says how it goes and what work space it takes.
/// @param chunk  rows of the vocabulary at a time, 0: default_chunk
void linear_log_probs(const LinearLogProbsInput& input, const LinearLogProbsOutput& output,
                      Stream& stream, std::int64_t chunk = 0);
void linear_log_probs_backward(const LinearLogProbsInput& input, std::span<const float> log_sum_exp,
                               std::span<const float> entropy,
                               const LinearLogProbsCoefficients& coefficients,
                               const LinearLogProbsGradient& gradient, Stream& stream,
                               std::span<const std::byte> kept = {}, std::int64_t chunk = 0);
/// `coefficients_of` is called once, before the forward pass has run: what it does with log-probs and
/// entropies has to be on the same stream, such as cuda::evaluate. Coefficients of a wrong size throw Error
/// once the forward pass has been asked for.
void linear_log_probs_with_gradient(const LinearLogProbsInput& input,
                                    const LinearLogProbsOutput& output,
                                    const CoefficientsOf& coefficients_of,
                                    const LinearLogProbsGradient& gradient, Stream& stream,
                                    std::int64_t chunk = 0);

/// Work space of these calls, in bytes, with the 32 MiB of cuBLASLt, for those who give it
/// (Stream::use_space). What `coefficients_of`
/// takes comes on top: of cuda::evaluate ObjectiveSpace's bytes, and 256 if it waits for its report.
[[nodiscard]] std::size_t linear_log_probs_bytes(const LinearLogProbsInput& input,
                                                 std::int64_t chunk = 0, std::size_t top_k = 0);
[[nodiscard]] std::size_t linear_log_probs_bytes(const LinearLogProbsInput& input,
                                                 const LinearLogProbsGradient& gradient,
                                                 std::int64_t chunk = 0, std::size_t top_k = 0);

/// As kernels/adamw.hpp. They wait.
[[nodiscard]] double gradient_norm(std::span<const AdamWTensor> tensors, Stream& stream);
[[nodiscard]] double gradient_norm(std::span<const CompactAdamWTensor> tensors, Stream& stream);

/// As kernels/adamw.hpp; random bits are the CPU's. Waits, and returns the norm before clipping.
double adamw_step(std::span<const AdamWTensor> tensors, const AdamWStep& step, Stream& stream);
double adamw_step(std::span<const CompactAdamWTensor> tensors, const AdamWStep& step,
                  Stream& stream);
/// Without waiting. @param norm  of the device
void adamw_step(std::span<const AdamWTensor> tensors, const AdamWStep& step, double* norm,
                Stream& stream);
void adamw_step(std::span<const CompactAdamWTensor> tensors, const AdamWStep& step, double* norm,
                Stream& stream);

}  // namespace visplay::cuda
