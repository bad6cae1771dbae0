// Linear: y = x W^T + b over the last dimension, with a low-rank adapter on top where there is one.
#pragma once

#include <visplay/tensor/linear.hpp>

#include <optional>
#include <vector>

namespace visplay {

/// What an adapter adds to a linear layer: scale * (x A^T) B^T (LoRA, 2106.09685).
struct LowRank {
  at::Tensor a;  ///< [rank, in] float32
  at::Tensor b;  ///< [out, rank] float32
  double scale = 1;
};

struct Linear {
  at::Tensor weight;  ///< [out, in]
  at::Tensor bias;    ///< [out] or undefined
  std::optional<LowRank> adapter{};

  /// The adapter's part is computed and added in float32 and rounded once, whatever the type of x.
  at::Tensor operator()(const at::Tensor& x) const {
    const auto y = visplay::linear(x, weight, bias);
    if (!adapter) return y;
    const auto inner = at::linear(x.to(at::kFloat), adapter->a) * adapter->scale;
    return (y + at::linear(inner, adapter->b)).to(y.scalar_type());
  }

  /// Appends the tensors that it computes with.
  void append_to(std::vector<at::Tensor>& list) const {
    list.push_back(weight);
    if (bias.defined()) list.push_back(bias);
    if (adapter) list.insert(list.end(), {adapter->a, adapter->b});
  }
};

}  // namespace visplay
