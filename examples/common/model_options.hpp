// What every program with a model takes: where it is, where and how it runs.
#pragma once

#include <visplay/policy/policy.hpp>
#include <visplay/train/config.hpp>

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <string>

namespace visplay {

struct RuntimeOptions {
  int threads = 0;
  Device device = Device::cpu;
  DataType dtype = DataType::float32;
};
void describe_runtime(auto& visit, OfType<RuntimeOptions> auto& s) {
  visit("threads", s.threads, "0: all cores", between(0, 1024));
  visit("device", s.device, "where the model runs");
  visit("dtype", s.dtype, "of weights and activations");
}

/// Call it before any tensor is made.
/// @throws UsageError  a device or type that is not built yet
inline void apply_runtime(const RuntimeOptions& options) {
  if (options.device != Device::cpu) throw UsageError("device: cuda is not built yet; cpu is");
  if (options.threads > 0) at::set_num_threads(options.threads);
}

inline at::ScalarType scalar_type(DataType dtype) {
  return dtype == DataType::bfloat16 ? at::kBFloat16 : at::kFloat;
}

/// The model of a folder, with the adapter of another one if that is given.
inline QwenPolicy load_policy_with(const std::string& model, const std::string& adapter,
                                   DataType dtype) {
  auto policy = load_policy(model, scalar_type(dtype));
  if (adapter.empty()) return policy;
  return policy.with_adapter(load_lora(adapter, policy.assets().config));
}

/// @throws UsageError  the flag was not given
inline void require_flag(const std::string& value, std::string_view key,
                         std::string_view expected) {
  if (value.empty()) throw UsageError(fmt::format("--{}: expected {}, got nothing", key, expected));
}

}  // namespace visplay
