// Bodies of io/checkpoint_store.hpp.
#pragma once

#include <visplay/io/checkpoint_store.hpp>

#include <visplay/core/error.hpp>
#include <visplay/io/durable_file.hpp>
#include <visplay/io/json.hpp>

#include <algorithm>
#include <system_error>
#include <utility>

namespace visplay {
namespace detail {

VISPLAY_INLINE const char* manifest_name() { return "MANIFEST.json"; }

// Files and folders below `folder`, sorted, without the manifest; links and devices are refused,
// for a checkpoint must hold what it names.
VISPLAY_INLINE std::pair<std::vector<std::filesystem::path>, std::vector<std::filesystem::path>>
checkpoint_entries(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files, folders;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const auto status = entry.symlink_status();
    if (entry.path() == folder / manifest_name()) continue;
    check(std::filesystem::is_regular_file(status) || std::filesystem::is_directory(status),
          "checkpoint: {} is neither a file nor a folder", entry.path().string());
    (std::filesystem::is_directory(status) ? folders : files).push_back(entry.path());
  }
  std::ranges::sort(files);
  std::ranges::sort(folders);
  return {std::move(files), std::move(folders)};
}

VISPLAY_INLINE Json read_manifest(const std::filesystem::path& folder) {
  return read_json_file(folder / manifest_name(), {.max_bytes = 16u << 20, .max_depth = 4});
}

VISPLAY_INLINE bool is_inside(const std::filesystem::path& relative) {
  return !relative.empty() && relative.is_relative() &&
         std::ranges::none_of(relative, [](const auto& part) { return part == ".."; });
}

VISPLAY_INLINE void verify_checkpoint(const std::filesystem::path& folder) {
  check(std::filesystem::is_regular_file(folder / manifest_name()), "{}: has no {}",
        folder.string(), manifest_name());
  const Json manifest = read_manifest(folder);
  const std::string where = (folder / manifest_name()).string();
  check(json_field<int>(manifest, "format", where) == 1, "{}: unknown format", where);
  check(json_field<std::string>(manifest, "name", where) == folder.filename().string(),
        "{}: is of another checkpoint", where);
  check(manifest.contains("files") && manifest["files"].is_array(), "{}: 'files' is missing",
        where);
  for (const Json& entry : manifest["files"]) {
    const std::filesystem::path relative = json_field<std::string>(entry, "path", where);
    check(is_inside(relative), "{}: '{}' leaves the folder", where, relative.string());
    const auto file = folder / relative;
    check(std::filesystem::is_regular_file(file), "{}: is missing", file.string());
    const auto bytes = json_field<std::uint64_t>(entry, "bytes", where);
    check(std::filesystem::file_size(file) == bytes, "{}: expected {} bytes, got {}", file.string(),
          bytes, std::filesystem::file_size(file));
    check(file_hash(file) == json_field<std::string>(entry, "xxh3_128", where),
          "{}: the content is not what was committed", file.string());
  }
}

}  // namespace detail

VISPLAY_INLINE CheckpointStore::CheckpointStore(std::filesystem::path folder)
    : folder_(std::move(folder)) {
  std::error_code failure;
  std::filesystem::create_directories(folder_, failure);
  check(!failure, "checkpoints: {} cannot be made: {}", folder_.string(), failure.message());
  std::vector<std::filesystem::path> leftovers;
  for (const auto& entry : std::filesystem::directory_iterator(folder_))
    if (entry.path().extension() == ".tmp") leftovers.push_back(entry.path());
  for (const auto& path : leftovers) remove(path);
}

VISPLAY_INLINE void CheckpointStore::remove(const std::filesystem::path& folder) const {
  std::error_code failure;
  // The manifest goes first: half a removed folder must not look complete.
  std::filesystem::remove(folder / detail::manifest_name(), failure);
  std::filesystem::remove_all(folder, failure);
  check(!failure, "{} cannot be removed: {}", folder.string(), failure.message());
}

VISPLAY_INLINE void CheckpointStore::write_manifest(const std::filesystem::path& folder,
                                                    const CheckpointName& name) const {
  const auto [files, folders] = detail::checkpoint_entries(folder);
  OrderedJson list = OrderedJson::array();
  for (const auto& file : files) {
    before_step("sync file");
    sync_path(file);
    list.push_back({{"path", file.lexically_relative(folder).generic_string()},
                    {"bytes", std::filesystem::file_size(file)},
                    {"xxh3_128", file_hash(file)}});
  }
  for (const auto& inner : folders) sync_path(inner);
  const OrderedJson manifest{
      {"format", 1}, {"name", name.name}, {"sequence", name.sequence}, {"files", list}};
  before_step("write manifest");
  replace_file(folder / detail::manifest_name(), manifest.dump(1) + "\n");
}

VISPLAY_INLINE void CheckpointStore::commit(
    const CheckpointName& name,
    const std::function<void(const std::filesystem::path& folder)>& write) {
  const auto final_folder = folder_ / name.name, aside = folder_ / (name.name + ".tmp");
  check(!name.name.empty() && name.name.find('/') == std::string::npos && name.name[0] != '.',
        "checkpoint: '{}' is no name of a folder", name.name);
  check(!std::filesystem::exists(final_folder) || defect(final_folder).has_value(),
        "checkpoint: {} exists and is complete", final_folder.string());
  if (name.bytes > 0) check_free_space(folder_, name.bytes);
  before_step("make folder");
  remove(aside);
  std::filesystem::create_directory(aside);
  before_step("write files");
  write(aside);
  write_manifest(aside, name);
  before_step("remove damaged");
  remove(final_folder);
  before_step("rename");
  std::filesystem::rename(aside, final_folder);
  before_step("sync parent");
  sync_path(folder_);
  before_step("replace LATEST");
  replace_file(folder_ / "LATEST", name.name + "\n");
}

VISPLAY_INLINE std::optional<std::string> CheckpointStore::defect(
    const std::filesystem::path& folder) {
  try {
    detail::verify_checkpoint(folder);
    return std::nullopt;
  } catch (const std::exception& error) {
    return error.what();
  }
}

namespace detail {

// Folders that claim to be checkpoints, highest sequence first, unverified.
VISPLAY_INLINE std::vector<Checkpoint> claimed_checkpoints(const std::filesystem::path& folder) {
  std::vector<Checkpoint> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (!entry.is_directory() || entry.path().extension() == ".tmp") continue;
    try {
      const Json manifest = read_manifest(entry.path());
      found.push_back({.folder = entry.path(),
                       .name = entry.path().filename().string(),
                       .sequence = json_field<std::int64_t>(manifest, "sequence", "manifest")});
    } catch (const Error&) {
      continue;  // no readable manifest: no checkpoint
    }
  }
  std::ranges::sort(found, [](const Checkpoint& a, const Checkpoint& b) {
    return std::pair(a.sequence, a.name) > std::pair(b.sequence, b.name);
  });
  return found;
}

}  // namespace detail

VISPLAY_INLINE std::optional<Checkpoint> CheckpointStore::latest_complete() const {
  for (Checkpoint& checkpoint : detail::claimed_checkpoints(folder_))
    if (!defect(checkpoint.folder)) return std::move(checkpoint);
  return std::nullopt;
}

VISPLAY_INLINE std::vector<Checkpoint> CheckpointStore::complete() const {
  auto all = detail::claimed_checkpoints(folder_);
  std::erase_if(all, [](const Checkpoint& c) { return defect(c.folder).has_value(); });
  std::ranges::reverse(all);
  return all;
}

VISPLAY_INLINE void CheckpointStore::prune(int keep) {
  check(keep >= 1, "checkpoints: expected to keep at least 1, got {}", keep);
  auto all = complete();
  if (std::ssize(all) <= keep) return;
  all.resize(all.size() - std::size_t(keep));
  for (const Checkpoint& old : all) {
    before_step("remove old");
    remove(old.folder);
  }
}

}  // namespace visplay
