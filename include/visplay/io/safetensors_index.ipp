// Bodies of io/safetensors_index.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/io/durable_file.hpp>
#include <visplay/io/json.hpp>
#include <visplay/io/safetensors_index.hpp>
#include <visplay/io/tensor_entry.hpp>

namespace visplay {

VISPLAY_INLINE ShardIndex parse_shard_index(std::string_view text, std::string_view where) {
  const Json json = parse_json(text, where, {.max_depth = 8});
  const auto listed = json.find("weight_map");
  check(listed != json.end() && listed->is_object(), "{}: 'weight_map' is missing", where);
  ShardIndex index;
  for (const auto& [tensor, shard] : listed->items()) {
    check(shard.is_string(), "{}: the file of '{}' is not a name", where, printable(tensor));
    index.shard_of.emplace(tensor, shard.get<std::string>());
  }
  const auto metadata = json.find("metadata");
  if (metadata == json.end() || !metadata->is_object()) return index;
  for (const auto& [key, to] : {std::pair("total_size", &index.total_size),
                                std::pair("total_parameters", &index.total_parameters)})
    if (const auto field = metadata->find(key); field != metadata->end())
      *to = json_as<std::uint64_t>(*field);
  return index;
}

VISPLAY_INLINE ShardIndex read_shard_index(const std::filesystem::path& file) {
  return parse_shard_index(read_file(file, std::uintmax_t(16) << 20), file.string());
}

VISPLAY_INLINE std::string shard_index_json(const ShardIndex& index) {
  Json metadata = Json::object();
  if (index.total_parameters) metadata["total_parameters"] = *index.total_parameters;
  if (index.total_size) metadata["total_size"] = *index.total_size;
  const Json json{{"metadata", metadata}, {"weight_map", index.shard_of}};
  return json.dump(2) + "\n";
}

VISPLAY_INLINE std::filesystem::path shard_path(const std::filesystem::path& folder,
                                                const std::string& name) {
  const std::string where = (folder / shard_index_name).string();
  const bool plain = name.size() > 12 && name.ends_with(".safetensors") && name[0] != '.' &&
                     name.find_first_of(std::string_view("/\\\0:", 4)) == std::string::npos;
  check(plain, "{}: '{}' is not the plain name of a .safetensors file", where, printable(name));
  const auto path = folder / name;
  std::error_code failure;
  const auto target = std::filesystem::canonical(path, failure);
  check(!failure, "{}: '{}' is listed but {}", where, printable(name), failure.message());
  const auto home = std::filesystem::canonical(folder);
  const bool inside = target.parent_path() == home ||
                      target.parent_path() == home.parent_path().parent_path() / "blobs";
  check(inside, "{}: '{}' is a link that leaves the folder", where, printable(name));
  return path;
}

}  // namespace visplay
