// Bodies of io/safetensors_writer.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/macros.hpp>
#include <visplay/io/durable_file.hpp>
#include <visplay/io/safetensors_index.hpp>
#include <visplay/io/safetensors_writer.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

namespace visplay {
namespace detail {

/// Largest elements first, as the Rust crate does; then naturally by name.
VISPLAY_INLINE std::vector<const TensorEntry*> writing_order(std::span<const TensorEntry> entries) {
  std::vector<const TensorEntry*> order;
  for (const TensorEntry& entry : entries) order.push_back(&entry);
  std::ranges::sort(order, [](const TensorEntry* a, const TensorEntry* b) {
    return a->dtype != b->dtype ? a->dtype > b->dtype : natural_less(a->name, b->name);
  });
  return order;
}

/// Throws unless the source gives each tensor the bytes that its shape needs.
VISPLAY_INLINE void write_tensor(AtomicFile& file, const TensorEntry& tensor,
                                 const TensorSource& source, std::string_view where) {
  const std::uint64_t needed = tensor_bytes(tensor.shape, tensor.dtype).value_or(0);
  std::uint64_t given = 0;
  source(tensor, [&](std::span<const std::byte> bytes) {
    given += bytes.size();
    if (given <= needed) file.write(bytes);
  });
  check(given == needed, "{}: '{}' has {} bytes, its shape needs {}", where, printable(tensor.name),
        given, needed);
}

/// Consecutive tensors of at most `limit` bytes together; a larger one is alone.
VISPLAY_INLINE std::vector<std::span<const TensorEntry>> plan_shards(
    std::span<const TensorEntry> entries, std::uint64_t limit) {
  std::vector<std::span<const TensorEntry>> shards;
  std::size_t begin = 0;
  std::uint64_t size = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::uint64_t bytes = tensor_bytes(entries[i].shape, entries[i].dtype).value_or(0);
    if (i > begin && size + bytes > limit) {
      shards.push_back(entries.subspan(begin, i - begin));
      begin = i, size = 0;
    }
    size += bytes;
  }
  shards.push_back(entries.subspan(begin));
  return shards;
}

VISPLAY_INLINE void check_no_weights(const std::filesystem::path& folder) {
  for (const auto& file : std::filesystem::directory_iterator(folder))
    check(file.path().extension() != ".safetensors" && file.path().filename() != shard_index_name,
          "{}: there are weights already, which would be mixed with new ones",
          file.path().string());
}

}  // namespace detail

VISPLAY_INLINE void write_safetensors(const std::filesystem::path& path,
                                      std::span<const TensorEntry> entries,
                                      const SafetensorsWriteOptions& options,
                                      const TensorSource& source) {
  const auto order = detail::writing_order(entries);
  const std::string header = write_safetensors_header(order, options.metadata, path.string());
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(header)));
  for (const TensorEntry* entry : order) detail::write_tensor(file, *entry, source, path.string());
  file.commit(options.sync);
}

VISPLAY_INLINE void write_safetensors(const std::filesystem::path& path,
                                      std::span<const TensorEntry> entries,
                                      const SafetensorsWriteOptions& options) {
  write_safetensors(path, entries, options,
                    [](const TensorEntry& tensor, const TensorSink& put) { put(tensor.bytes); });
}

VISPLAY_INLINE void write_weight_files(const std::filesystem::path& folder,
                                       std::span<const TensorEntry> entries,
                                       const SafetensorsWriteOptions& options,
                                       const TensorSource& source) {
  detail::check_no_weights(folder);
  const auto shards = detail::plan_shards(entries, options.max_shard_bytes);
  if (shards.size() == 1)
    return write_safetensors(folder / "model.safetensors", entries, options, source);
  ShardIndex index{.shard_of = {}, .total_size = 0, .total_parameters = 0};
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string name = fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
    for (const TensorEntry& tensor : shards[i]) {
      check(index.shard_of.emplace(tensor.name, name).second, "{}: two tensors are named '{}'",
            folder.string(), printable(tensor.name));
      *index.total_size += tensor_bytes(tensor.shape, tensor.dtype).value_or(0);
      *index.total_parameters += std::uint64_t(tensor.numel());
    }
    write_safetensors(folder / name, shards[i], options, source);
  }
  replace_file(folder / shard_index_name, shard_index_json(index));
}

}  // namespace visplay
