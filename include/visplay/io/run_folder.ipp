// Bodies of io/run_folder.hpp.
#pragma once

#include <visplay/io/run_folder.hpp>

#include <visplay/core/error.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

namespace visplay {
namespace detail {

// Takes the lock or says who has it. The kernel frees it when the process ends, however it ends.
VISPLAY_INLINE int lock_folder(const std::filesystem::path& folder) {
  const std::string path = (folder / "lock").string();
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  check(fd >= 0, "run folder {} cannot be written: {}", folder.string(), std::strerror(errno));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    std::array<char, 200> holder{};
    const auto got = ::read(fd, holder.data(), holder.size() - 1);
    ::close(fd);
    throw Error(fmt::format("run folder {} is in use by another process ({})", folder.string(),
                            got > 0 ? holder.data() : "unknown"));
  }
  std::array<char, 128> host{};
  ::gethostname(host.data(), host.size() - 1);
  const std::string holder = fmt::format("pid {} on {}", ::getpid(), host.data());
  const bool written = ::ftruncate(fd, 0) == 0 &&
                       ::pwrite(fd, holder.data(), holder.size(), 0) == ssize_t(holder.size());
  if (!written) {
    const int reason = errno;
    ::close(fd);
    throw Error(
        fmt::format("run folder {} cannot be written: {}", folder.string(), std::strerror(reason)));
  }
  return fd;
}

}  // namespace detail

VISPLAY_INLINE bool holds_run(const std::filesystem::path& folder) {
  std::error_code failure;
  for (const char* name : {"config.yaml", "metrics.jsonl", "checkpoints"})
    if (std::filesystem::exists(folder / name, failure)) return true;
  return false;
}

VISPLAY_INLINE RunFolder::RunFolder(std::filesystem::path path, Open open)
    : path_(std::move(path)) {
  std::error_code failure;
  const bool exists = std::filesystem::is_directory(path_, failure);
  if (open == Open::resume && !exists)
    throw UsageError(fmt::format("--resume: there is no run folder {}", path_.string()));
  std::filesystem::create_directories(path_, failure);
  check(!failure, "run folder {} cannot be made: {}", path_.string(), failure.message());
  lock_ = detail::lock_folder(path_);
  if (open == Open::fresh && holds_run(path_)) {
    ::close(std::exchange(lock_, -1));
    throw UsageError(fmt::format(
        "run folder {} already holds a run; give --resume to continue it or another --run",
        path_.string()));
  }
}

VISPLAY_INLINE RunFolder::~RunFolder() {
  if (lock_ >= 0) ::close(lock_);
}

VISPLAY_INLINE std::filesystem::path next_run_folder(const std::filesystem::path& parent) {
  for (int number = 1;; ++number) {
    const auto folder = parent / fmt::format("{:03}", number);
    std::error_code failure;
    if (!std::filesystem::exists(folder, failure)) return folder;
  }
}

}  // namespace visplay
