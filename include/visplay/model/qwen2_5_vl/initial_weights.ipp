// Bodies of model/qwen2_5_vl/initial_weights.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/io/durable_file.hpp>
#include <visplay/io/safetensors_writer.hpp>
#include <visplay/model/qwen2_5_vl/initial_weights.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace visplay {
namespace detail {

/// N(0, scale^2), or the constant where the scale is 0.
struct InitialRule {
  double scale = 0;
  float constant = 0;
};

VISPLAY_INLINE InitialRule initial_rule(const ModelConfig& config, const TensorShape& tensor) {
  const std::string_view name = tensor.name;
  const auto ends_with = [name](auto... ends) { return (name.ends_with(ends) || ...); };
  if (ends_with("norm.weight", "norm1.weight", "norm2.weight", "ln_q.weight", "layernorm.weight"))
    return {.constant = 1};
  if (ends_with(".bias")) return {};
  if (ends_with("embed_tokens.weight", "lm_head.weight")) return {.scale = 0.02};
  std::int64_t fan_in = 1;
  for (std::size_t i = 1; i < tensor.shape.size(); ++i) fan_in *= tensor.shape[i];
  double scale = 1 / std::sqrt(double(fan_in));
  const auto depth = name.starts_with("visual.") ? config.vision.depth : config.text.num_layers;
  if (ends_with("o_proj.weight", "attn.proj.weight", "down_proj.weight"))
    scale *= 1 / std::sqrt(2. * double(depth));
  return {.scale = scale};
}

}  // namespace detail

VISPLAY_INLINE void initial_values(const ModelConfig& config, const TensorShape& tensor,
                                   const Rng& rng, std::uint64_t begin, std::span<float> out,
                                   ThreadPool& pool) {
  const detail::InitialRule rule = detail::initial_rule(config, tensor);
  if (rule.scale == 0) {
    std::ranges::fill(out, rule.constant);
    return;
  }
  const Rng stream = rng.fork(tensor.name);
  parallel_for(pool, out.size(), 1 << 14, [&](std::size_t from, std::size_t to) {
    Rng draw = stream;
    draw.discard(2 * (begin + from));  // words of a normal number
    for (std::size_t i = from; i < to; ++i) out[i] = float(rule.scale * draw.normal());
  });
}

VISPLAY_INLINE void write_new_weights(const std::filesystem::path& folder,
                                      const ModelConfig& config, const Rng& rng,
                                      const NewWeightsOptions& options) {
  check(options.dtype == DType::f32 || options.dtype == DType::bf16,
        "new weights: expected F32 or BF16, got {}", name_of(options.dtype));
  std::vector<TensorEntry> entries;
  std::uint64_t total = 0;
  for (const TensorShape& tensor : tensor_inventory(config)) {
    entries.push_back({tensor.name, options.dtype, tensor.shape, {}});
    total += std::uint64_t(entries.back().numel()) * byte_size(options.dtype);
  }
  check_free_space(folder, total);

  ThreadPool pool(options.threads);
  std::vector<float> values(std::size_t(1) << 22);
  std::vector<std::uint16_t> rounded(values.size());
  const auto source = [&](const TensorEntry& entry, const TensorSink& put) {
    const TensorShape tensor{entry.name, entry.shape};
    const auto count = std::uint64_t(entry.numel());
    for (std::uint64_t begin = 0; begin < count; begin += values.size()) {
      const std::span part(values.data(), std::min<std::uint64_t>(values.size(), count - begin));
      initial_values(config, tensor, rng, begin, part, pool);
      if (options.dtype == DType::f32) {
        put(std::as_bytes(part));
      } else {
        std::ranges::transform(part, rounded.begin(), float_to_bfloat16);
        put(std::as_bytes(std::span(rounded.data(), part.size())));
      }
    }
  };
  write_weight_files(folder, entries, {.sync = true, .max_shard_bytes = options.max_shard_bytes},
                     source);
}

}  // namespace visplay
