// Writing safetensors: one file or the shards of a model, streamed, aside and renamed.
//
//   write_safetensors("out.safetensors", entries, {.sync = true});
//   write_weight_files(folder, entries, {.sync = true}, [&](const TensorEntry& tensor, auto& put) {
//     put(bytes_of(tensor));                 // in any number of pieces, one tensor at a time
//   });
//
// Tensors of a file are ordered by type (last DType first, so that all are aligned), then naturally
// by name (layer 2 before 10): the bytes are those that the Python package writes.
#pragma once

#include <visplay/io/safetensors_header.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>

namespace visplay {

struct SafetensorsWriteOptions {
  bool sync = false;  ///< fsync files and folder: for checkpoints
  SafetensorsMetadata metadata{{"format", "pt"}};
  std::uint64_t max_shard_bytes = 5'000'000'000;  ///< of tensors in one file of a model
};

/// Takes the next bytes of a tensor.
using TensorSink = std::function<void(std::span<const std::byte>)>;
/// Gives a tensor's bytes to the sink, exactly as many as its shape and type need.
using TensorSource = std::function<void(const TensorEntry& tensor, const TensorSink& put)>;

/// Writes aside and renames, so that a reader sees the old file or the new one.
/// @throws Error if two names are equal, bytes do not fit a shape, or the disk does not take it
void write_safetensors(const std::filesystem::path& path, std::span<const TensorEntry> entries,
                       const SafetensorsWriteOptions& options = {});
/// The same with bytes from `source`, which is asked for one tensor after the other.
void write_safetensors(const std::filesystem::path& path, std::span<const TensorEntry> entries,
                       const SafetensorsWriteOptions& options, const TensorSource& source);

/// The weights of a model in a folder that holds none: model.safetensors or, above the limit,
/// model-00001-of-00003.safetensors ... with their index. Shards are filled in the given order.
/// @throws Error also if there are weights already
void write_weight_files(const std::filesystem::path& folder, std::span<const TensorEntry> entries,
                        const SafetensorsWriteOptions& options, const TensorSource& source);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/io/safetensors_writer.ipp>
#endif
