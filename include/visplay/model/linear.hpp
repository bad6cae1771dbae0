// Linear: y = x W^T + b over the last dimension.
#pragma once

#include <visplay/tensor/compat.hpp>

namespace visplay {

struct Linear {
  at::Tensor weight;  ///< [out, in]
  at::Tensor bias;    ///< [out] or undefined

  at::Tensor operator()(const at::Tensor& x) const {
    return bias.defined() ? at::linear(x, weight, bias) : at::linear(x, weight);
  }
};

}  // namespace visplay
