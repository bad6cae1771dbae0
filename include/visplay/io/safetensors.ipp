// Bodies of io/safetensors.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/macros.hpp>
#include <visplay/io/mapped_file.hpp>
#include <visplay/io/safetensors.hpp>
#include <visplay/io/safetensors_index.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace visplay {

VISPLAY_INLINE SafetensorsFile::SafetensorsFile(SafetensorsHeader header)
    : entries_(std::move(header.entries)), metadata_(std::move(header.metadata)) {
  for (std::size_t i = 0; i < entries_.size(); ++i) index_.emplace(entries_[i].name, i);
}

VISPLAY_INLINE SafetensorsFile SafetensorsFile::parse(std::span<const std::byte> bytes,
                                                      std::string_view where) {
  return SafetensorsFile(read_safetensors_header(bytes, where));
}

VISPLAY_INLINE SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  refuse_pickle(path);
  const auto mapped = std::make_shared<const MappedFile>(path);
  SafetensorsFile file = parse(mapped->bytes(), path.string());
  file.mappings_.push_back(mapped);
  return file;
}

VISPLAY_INLINE SafetensorsFile SafetensorsFile::open_folder(const std::filesystem::path& folder) {
  check(std::filesystem::is_directory(folder), "{}: no such folder", folder.string());
  const auto whole = folder / "model.safetensors";
  if (std::filesystem::exists(whole)) return open(whole);
  if (std::filesystem::exists(folder / shard_index_name)) return open_shards(folder);
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(folder)) files.push_back(file.path());
  std::ranges::sort(files);
  for (const auto& file : files) refuse_pickle(file);
  throw Error(fmt::format("{}: no weights here (neither model.safetensors nor {})", folder.string(),
                          shard_index_name));
}

VISPLAY_INLINE SafetensorsFile SafetensorsFile::open_shards(const std::filesystem::path& folder) {
  const std::string where = (folder / shard_index_name).string();
  const ShardIndex index = read_shard_index(folder / shard_index_name);
  std::map<std::string, std::filesystem::path> shards;  // every name is checked before one is read
  for (const auto& [tensor, shard] : index.shard_of)
    if (!shards.contains(shard)) shards.emplace(shard, shard_path(folder, shard));

  SafetensorsFile all;
  std::uint64_t total = 0;
  for (const auto& [shard, path] : shards) {
    SafetensorsFile part = open(path);
    if (all.mappings_.empty()) all.metadata_ = std::move(part.metadata_);
    all.mappings_.insert(all.mappings_.end(), part.mappings_.begin(), part.mappings_.end());
    for (TensorEntry& entry : part.entries_) {
      const auto home = index.shard_of.find(entry.name);
      check(home != index.shard_of.end() && home->second == shard,
            "{}: {} holds '{}', which the index lists {}", where, shard, printable(entry.name),
            home == index.shard_of.end() ? "nowhere" : "elsewhere");
      total += entry.bytes.size();
      all.index_.emplace(entry.name, all.entries_.size());
      all.entries_.push_back(std::move(entry));
    }
  }
  for (const auto& [tensor, shard] : index.shard_of)
    check(all.index_.contains(tensor), "{}: '{}' is not in {}, where the index lists it", where,
          printable(tensor), shard);
  check(!index.total_size || *index.total_size == total,
        "{}: total_size is {}, the tensors have {}", where, index.total_size.value_or(0), total);
  return all;
}

VISPLAY_INLINE const TensorEntry* SafetensorsFile::find(std::string_view name) const {
  const auto place = index_.find(name);
  return place == index_.end() ? nullptr : &entries_[place->second];
}

VISPLAY_INLINE const TensorEntry& SafetensorsFile::at(std::string_view name) const {
  const TensorEntry* entry = find(name);
  check(entry != nullptr, "safetensors: no tensor is named '{}'", printable(name));
  return *entry;
}

VISPLAY_INLINE void refuse_pickle(const std::filesystem::path& path) {
  const std::string kind = path.extension().string();
  for (const char* pickle : {".bin", ".pt", ".pth", ".ckpt", ".pkl"})
    check(kind != pickle,
          "{}: pickles can run code and are not read; convert to safetensors first "
          "(transformers: save_pretrained(folder))",
          path.string());
}

}  // namespace visplay
