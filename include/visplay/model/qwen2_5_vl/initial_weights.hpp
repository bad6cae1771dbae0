// The random weights of a new model: matrices N(0, 1 / fan-in), embedding and head N(0, 0.02^2),
// residual outputs scaled by 1 / sqrt(2 layers), norms 1, biases 0.
//
//   write_new_weights(folder, config, Rng(1).fork("weights"), {.dtype = DType::bf16});
//
// Element i of a tensor is draw i of the stream that its name forks: any part can be made alone, so
// a model of any size is written without holding it, with the same values for any threads.
#pragma once

#include <visplay/core/parallel.hpp>
#include <visplay/core/rng.hpp>
#include <visplay/io/dtype.hpp>
#include <visplay/model/qwen2_5_vl/config.hpp>
#include <visplay/model/qwen2_5_vl/tensor_names.hpp>

#include <cstdint>
#include <filesystem>
#include <span>

namespace visplay {

/// Elements begin ... begin + out.size() of a tensor of the model.
void initial_values(const ModelConfig& config, const TensorShape& tensor, const Rng& rng,
                    std::uint64_t begin, std::span<float> out, ThreadPool& pool);

struct NewWeightsOptions {
  DType dtype = DType::f32;  ///< f32 or bf16; bf16 values are the float32 ones, rounded
  std::uint64_t max_shard_bytes = 5'000'000'000;
  int threads = 1;
};

/// The weight files of a new model in a folder that holds none.
/// @throws Error  another type, weights are there, or the disk does not take them
void write_new_weights(const std::filesystem::path& folder, const ModelConfig& config,
                       const Rng& rng, const NewWeightsOptions& options = {});

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/model/qwen2_5_vl/initial_weights.ipp>
#endif
