// The one place that names libtorch's headers and versions. Verified with 2.15.
#pragma once

#include <visplay/core/bfloat16.hpp>
#include <visplay/core/error.hpp>
#include <visplay/core/macros.hpp>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace visplay {

using AutogradContext = torch::autograd::AutogradContext;
using TensorList = torch::autograd::variable_list;

/// A copy of the values as a tensor of the given shape; T is float or std::int64_t.
template <class T>
at::Tensor to_tensor(std::span<const T> values, at::IntArrayRef shape) {
  const auto type = std::is_same_v<T, float> ? at::kFloat : at::kLong;
  return at::from_blob(const_cast<T*>(values.data()), shape, type).clone();
}
template <class T>
at::Tensor to_tensor(const std::vector<T>& values) {
  return to_tensor(std::span<const T>(values), {std::int64_t(values.size())});
}

/// A copy of a tensor's values, row-major, converted to T.
template <class T>
std::vector<T> to_vector(const at::Tensor& tensor) {
  const auto type = std::is_same_v<T, float> ? at::kFloat : at::kLong;
  const auto flat = tensor.detach().to(at::kCPU, type).contiguous();
  return {flat.template const_data_ptr<T>(), flat.template const_data_ptr<T>() + flat.numel()};
}

/// Throws unless the tensor is what the CPU kernels read, in float32 or bfloat16. @return whether it is
/// bfloat16
inline bool check_mixed_input(const at::Tensor& t, std::string_view where) {
  const auto type = t.scalar_type();
  check(t.device().is_cpu() && (type == at::kFloat || type == at::kBFloat16) && t.is_contiguous(),
        "{}: expected a contiguous float32 or bfloat16 CPU tensor, got {} on {}", where,
        c10::toString(type), t.device().str());
  return type == at::kBFloat16;
}

/// The numbers of a float32 or bfloat16 tensor in the kernels' types.
template <class T>
const T* numbers(const at::Tensor& t) {
  using Stored = std::conditional_t<std::is_same_v<T, BFloat16>, at::BFloat16, T>;
  return reinterpret_cast<const T*>(t.const_data_ptr<Stored>());
}
template <class T>
T* mutable_numbers(const at::Tensor& t) {
  using Stored = std::conditional_t<std::is_same_v<T, BFloat16>, at::BFloat16, T>;
  return reinterpret_cast<T*>(t.mutable_data_ptr<Stored>());
}

/// body(T{}) for the kernels' type T of the tensor's numbers.
template <class Body>
decltype(auto) with_element(bool is_bfloat16, const Body& body) {
  return is_bfloat16 ? body(BFloat16{}) : body(float{});
}

/// Spreads [0, count) over ATen's threads, the pool that the matrix products use; a thread gets `grain`
/// numbers at least. Serial in a unit compiled without OpenMP, like ATen's template.
template <class Body>
void parallel_tasks(std::int64_t count, const Body& body, std::int64_t grain = 1) {
  at::parallel_for(0, count, grain, body);
}

}  // namespace visplay
