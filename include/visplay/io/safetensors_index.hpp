// ShardIndex: which file of a folder holds which tensor (model.safetensors.index.json).
//
//   const ShardIndex index = read_shard_index(folder / shard_index_name);
//   const auto file = shard_path(folder, index.shard_of.at("lm_head.weight"));
//
// The names in it come from a file that we do not trust: a shard is a plain name inside the folder.
#pragma once

#include <visplay/core/macros.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace visplay {

inline constexpr std::string_view shard_index_name = "model.safetensors.index.json";

struct ShardIndex {
  std::map<std::string, std::string, std::less<>> shard_of;  ///< tensor -> file name
  std::optional<std::uint64_t> total_size;                   ///< bytes of all tensors
  std::optional<std::uint64_t> total_parameters;             ///< since transformers 4.56
};

/// @param where  names the file in messages
/// @throws Error  no JSON of at most 16 MiB, no weight_map, a name that is no text
[[nodiscard]] ShardIndex parse_shard_index(std::string_view json, std::string_view where);
[[nodiscard]] ShardIndex read_shard_index(const std::filesystem::path& file);

/// As transformers writes it: two-space indent, sorted, a line feed at the end.
[[nodiscard]] std::string shard_index_json(const ShardIndex& index);

/// A shard's path. Its name must be that of a .safetensors file, without separators; a link may
/// lead to a file of the folder, or to `blobs` beside `snapshots`, which is how the Hugging Face
/// cache stores files.
/// @throws Error  another name, no such file, or a link that leaves the folder
[[nodiscard]] std::filesystem::path shard_path(const std::filesystem::path& folder,
                                               const std::string& name);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/io/safetensors_index.ipp>
#endif
