// What every program with a model takes: where it is, where and how it runs.
#pragma once

#include <visplay/policy/policy.hpp>
#include <visplay/train/config.hpp>

#include <ATen/Parallel.h>

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
  if (options.dtype != DataType::float32)
    throw UsageError("dtype: bfloat16 is not built yet; float32 is");
  if (options.threads > 0) at::set_num_threads(options.threads);
}

/// @throws UsageError  the flag was not given
inline void require_flag(const std::string& value, std::string_view key,
                         std::string_view expected) {
  if (value.empty()) throw UsageError(fmt::format("--{}: expected {}, got nothing", key, expected));
}

}  // namespace visplay
