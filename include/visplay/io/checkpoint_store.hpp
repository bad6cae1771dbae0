// CheckpointStore: folders that are there completely or not at all, whenever the process is killed.
//
//   CheckpointStore store("run/checkpoints");
//   store.commit({.name = "iteration-01", .sequence = 1}, [&](const fs::path& folder) {
//     save_model(folder / "questioner", ...);          // any files and subfolders
//   });
//   if (const auto latest = store.latest_complete()) load(latest->folder);
//
// Order of a commit: write NAME.tmp, fsync every file and folder, MANIFEST.json (path, bytes, hash
// of each file) last, fsync, rename to NAME, fsync the parent, then replace LATEST. LATEST is for
// people: resuming scans and verifies.
#pragma once

#include <visplay/core/macros.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace visplay {

struct CheckpointName {
  std::string name{};         ///< of the folder: "iteration-01"; no separators
  std::int64_t sequence = 0;  ///< the highest complete one is the latest
  std::uintmax_t bytes = 0;   ///< expected size, for the disk space check; 0: not checked
};

struct Checkpoint {
  std::filesystem::path folder{};
  std::string name{};
  std::int64_t sequence = 0;
};

class CheckpointStore {
 public:
  /// Makes the folder if it is missing and removes what an interrupted commit left in it.
  /// @throws Error  the folder cannot be made or written
  explicit CheckpointStore(std::filesystem::path folder);

  /// `write` gets an empty folder. If anything throws, no checkpoint of that name appears and
  /// every earlier one is untouched. A damaged checkpoint of that name is replaced.
  /// @throws Error  write failed, the disk is full, or a complete checkpoint of that name exists
  void commit(const CheckpointName& name,
              const std::function<void(const std::filesystem::path& folder)>& write);

  /// The complete checkpoint of the highest sequence: its manifest is there and every file has the
  /// size and hash that it names.
  [[nodiscard]] std::optional<Checkpoint> latest_complete() const;

  /// All complete checkpoints, oldest first. Reads every byte of every checkpoint.
  [[nodiscard]] std::vector<Checkpoint> complete() const;

  /// Removes all but the newest `keep` complete checkpoints, after verifying those. keep >= 1.
  void prune(int keep);

  /// Why a folder is no complete checkpoint, in a sentence; empty if it is one.
  [[nodiscard]] static std::optional<std::string> defect(const std::filesystem::path& folder);

  /// Called with the name of each step before it is done, so that tests can fail at the n-th.
  std::function<void(std::string_view step)> before_step = [](std::string_view) {};

 private:
  void write_manifest(const std::filesystem::path& folder, const CheckpointName& name) const;
  void remove(const std::filesystem::path& folder) const;

  std::filesystem::path folder_;
};

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/io/checkpoint_store.ipp>
#endif
