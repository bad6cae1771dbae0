// Logits of a chunk of the vocabulary as the fused head's kernels have them: in float32 as the product left
// them, or in 16 bits as the forward pass keeps those of a bfloat16 head (kernels/kept_logit.hpp).
#pragma once

#include <visplay/kernels/cuda/block.hpp>
#include <visplay/kernels/kept_logit.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace visplay {

/// A chunk: rows [first, first + columns) of the head.
template <class Number>
struct LogitsChunk {
  GlobalView<Number> values{};  ///< [N, stride]; rows begin at whole vectors
  std::size_t stride = 0, first = 0, columns = 0;

  /// log2 p of some neighbours or one.
  struct LogProbs {
    static constexpr int vector = vector_length<Number>;
    GlobalView<Number> values;
    float factor, reference;

    template <Block B>
    VISPLAY_DEVICE void read(B& block, std::size_t i, float (&to)[vector]) const {
      const auto x = block.template read_vector<vector>(values, i);
      for (int k = 0; k < vector; ++k) to[k] = x.at[k] * factor - reference;
    }
    template <Block B>
    VISPLAY_DEVICE float read(B& block, std::size_t i) const {
      return block.read(values, i) * factor - reference;
    }
  };
  /// @param factor     factor_of(temperature)
  /// @param reference  log2 of the token's sum of exponentials
  template <Block B>
  VISPLAY_DEVICE LogProbs log_probs(B&, std::size_t /*token*/, float factor,
                                    float reference) const {
    return {values, factor, reference};
  }
};

/// Codes and where they count from.
template <class Code>
struct KeptLogits {
  using Offset = std::conditional_t<std::is_const_v<Code>, const float, float>;
  GlobalView<Code> codes{};      ///< [N, stride] of the chunk
  GlobalView<Offset> offsets{};  ///< [N]: largest logit of the chunk, times factor_of(temperature)
};

/// A chunk of which only codes are left.
struct KeptChunk {
  KeptLogits<const std::uint16_t> kept{};
  std::size_t stride = 0, first = 0, columns = 0;

  struct LogProbs {
    static constexpr int vector = vector_length<std::uint16_t>;
    GlobalView<const std::uint16_t> codes;
    float largest;

    template <Block B>
    VISPLAY_DEVICE void read(B& block, std::size_t i, float (&to)[vector]) const {
      const auto x = block.template read_vector<vector>(codes, i);
      for (int k = 0; k < vector; ++k) to[k] = largest + KeptLogit::below_of(x.at[k]);
    }
    template <Block B>
    VISPLAY_DEVICE float read(B& block, std::size_t i) const {
      return largest + KeptLogit::below_of(block.read(codes, i));
    }
  };
  /// The factor is in the offset.
  template <Block B>
  VISPLAY_DEVICE LogProbs log_probs(B& block, std::size_t token, float /*factor*/,
                                    float reference) const {
    return {kept.codes, block.read(kept.offsets, token) - reference};
  }
};

}  // namespace visplay
