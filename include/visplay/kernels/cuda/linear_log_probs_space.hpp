// What the fused head on CUDA works on: its plan, the chunks of the vocabulary, work space, and the memory
// in which the forward pass keeps logits for the backward pass.
#pragma once

#include <visplay/kernels/cuda/executor.hpp>
#include <visplay/kernels/cuda/linear_log_probs_kernel.hpp>
#include <visplay/kernels/cuda/linear_log_probs_slopes.hpp>
#include <visplay/kernels/linear_log_probs.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace visplay::cuda {

/// Rows of the head at a time: as many as make 16 Mi logits, in [2048, 16384]. With fewer the products would
/// read and write the hidden states' gradient longer than they multiply.
constexpr std::int64_t default_chunk(std::int64_t tokens) {
  const std::int64_t rows = (std::int64_t(1) << 24) / std::max<std::int64_t>(tokens, 1);
  return std::clamp<std::int64_t>(rows / 128 * 128, 2048, 16384);
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
  GlobalView<float> log_probs, entropy, log_sum_exp;  ///< for results that nobody else asked for
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
      log_sum_exp = area.take<float>(n), rows = area.take<HeadRow>(n);
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

/// Rows [first, first + count) of the head.
struct HeadChunk {
  std::int64_t first = 0, count = 0;
  /// Of its logits [N, count].
  [[nodiscard]] std::int64_t stride() const { return (count + 7) / 8 * 8; }
};

/// Logits of the first chunks, as many as the caller's memory holds. Of bfloat16 inputs: codes [N, stride]
/// and offsets [N]. Of others: float32 [N, stride], which the product writes there, so that the gradient
/// has the same bits as without.
/// @tparam Byte  std::byte, const for those who only read
template <class Byte>
class HeadKept {
 public:
  HeadKept(std::span<Byte> memory, const HeadPlan& plan)
      : tokens_(std::size_t(plan.tokens())),
        chunk_(plan.rows()),
        is_coded_(plan.input.hidden.type == FloatType::bfloat16) {
    const auto beside =
        std::min(-reinterpret_cast<std::uintptr_t>(memory.data()) % alignment, memory.size());
    memory_ = memory.subspan(beside);
  }

  /// Whether there is room for this one.
  [[nodiscard]] bool has(const HeadChunk& chunk) const { return end_of(chunk) <= memory_.size(); }
  [[nodiscard]] bool is_coded() const { return is_coded_; }

  [[nodiscard]] auto codes(const HeadChunk& chunk) const {
    using Code = Like<std::uint16_t>;
    using Offset = Like<float>;
    const std::size_t logits = logits_of(chunk);
    Byte* const at = memory_.data() + begin_of(chunk);
    return KeptLogits<Code>{
        .codes = {reinterpret_cast<Code*>(at), logits},
        .offsets = {reinterpret_cast<Offset*>(at + logits * sizeof(Code)), tokens_}};
  }
  [[nodiscard]] auto floats(const HeadChunk& chunk) const {
    using Logit = Like<float>;
    return GlobalView<Logit>{reinterpret_cast<Logit*>(memory_.data() + begin_of(chunk)),
                             logits_of(chunk)};
  }

 private:
  template <class T>
  using Like = std::conditional_t<std::is_const_v<Byte>, const T, T>;
  static constexpr std::size_t alignment = 256;  // that of work space: cuBLASLt may choose by it

  [[nodiscard]] std::size_t logits_of(const HeadChunk& chunk) const {
    return tokens_ * std::size_t(chunk.stride());
  }
  [[nodiscard]] std::size_t bytes_of(const HeadChunk& chunk) const {
    const std::size_t logits = logits_of(chunk);
    const std::size_t bytes = is_coded_ ? logits * 2 + tokens_ * sizeof(float) : logits * 4;
    const std::size_t unit = is_coded_ ? sizeof(Vector<std::uint16_t, 8>) : alignment;
    return (bytes + unit - 1) / unit * unit;
  }
  /// All chunks before it are whole.
  [[nodiscard]] std::size_t begin_of(const HeadChunk& chunk) const {
    return std::size_t(chunk.first / chunk_) * bytes_of({0, chunk_});
  }
  [[nodiscard]] std::size_t end_of(const HeadChunk& chunk) const {
    return begin_of(chunk) + bytes_of(chunk);
  }

  std::span<Byte> memory_;
  std::size_t tokens_;
  std::int64_t chunk_;
  bool is_coded_;
};

}  // namespace visplay::cuda
