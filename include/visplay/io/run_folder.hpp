// RunFolder: the folder that a run leaves behind, held by one process at a time.
//
//   RunFolder run("runs/demo", RunFolder::Open::fresh);
//   replace_file(run.config(), yaml);
//
// Layout: config.yaml, metrics.jsonl, samples.jsonl, images/, checkpoints/, lock.
#pragma once

#include <visplay/core/macros.hpp>

#include <filesystem>

namespace visplay {

class RunFolder {
 public:
  enum class Open { fresh, resume };

  /// Makes the folder (and its parents) and locks it until destruction. A resumed folder must
  /// exist; it may hold no checkpoint yet, if the run was killed early.
  /// @throws UsageError  fresh and a run is in it; resume and no folder is there
  /// @throws Error       it cannot be made or written, or another process holds it
  RunFolder(std::filesystem::path path, Open open);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path config() const { return path_ / "config.yaml"; }
  [[nodiscard]] std::filesystem::path metrics() const { return path_ / "metrics.jsonl"; }
  [[nodiscard]] std::filesystem::path samples() const { return path_ / "samples.jsonl"; }
  [[nodiscard]] std::filesystem::path images() const { return path_ / "images"; }
  [[nodiscard]] std::filesystem::path checkpoints() const { return path_ / "checkpoints"; }

 private:
  std::filesystem::path path_;
  int lock_ = -1;
};

/// True if a run was started in that folder.
[[nodiscard]] bool holds_run(const std::filesystem::path& folder);

/// The first of parent/001, parent/002 ... that is not there.
[[nodiscard]] std::filesystem::path next_run_folder(const std::filesystem::path& parent);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/io/run_folder.ipp>
#endif
