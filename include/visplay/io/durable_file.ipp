// Bodies of io/durable_file.hpp.
#pragma once

#include <visplay/io/durable_file.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

namespace visplay {
namespace detail {

// A file descriptor that is closed in any case; close() reports what a destructor cannot.
struct FileDescriptor {
  int fd = -1;
  std::filesystem::path path{};

  FileDescriptor(const std::filesystem::path& name, int flags)
      : fd(::open(name.c_str(), flags | O_CLOEXEC, 0644)), path(name) {
    check(fd >= 0, "{}: {}", path.string(), std::strerror(errno));
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (fd >= 0) ::close(fd);
  }

  void write(std::string_view text) const {
    while (!text.empty()) {
      const auto written = ::write(fd, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      check(written > 0, "{}: write failed: {}", path.string(), std::strerror(errno));
      text.remove_prefix(std::size_t(written));
    }
  }
  // Bytes read, less than asked for only at the end of the file.
  std::size_t read(char* out, std::size_t size) const {
    std::size_t done = 0;
    while (done < size) {
      const auto got = ::read(fd, out + done, size - done);
      if (got < 0 && errno == EINTR) continue;
      check(got >= 0, "{}: read failed: {}", path.string(), std::strerror(errno));
      if (got == 0) break;
      done += std::size_t(got);
    }
    return done;
  }
  void sync() const {
    check(::fsync(fd) == 0, "{}: fsync failed: {}", path.string(), std::strerror(errno));
  }
  void close() {
    const int result = ::close(std::exchange(fd, -1));
    check(result == 0, "{}: close failed: {}", path.string(), std::strerror(errno));
  }
};

VISPLAY_INLINE std::filesystem::path folder_of(const std::filesystem::path& path) {
  const auto parent = path.parent_path();
  return parent.empty() ? std::filesystem::path(".") : parent;
}

}  // namespace detail

VISPLAY_INLINE void sync_path(const std::filesystem::path& path) {
  detail::FileDescriptor(path, O_RDONLY).sync();
}

struct AtomicFile::State {
  explicit State(const std::filesystem::path& name)
      : path(name), file(name.string() + ".tmp", O_WRONLY | O_CREAT | O_TRUNC) {}
  std::filesystem::path path;
  detail::FileDescriptor file;
  bool committed = false;
};

VISPLAY_INLINE AtomicFile::AtomicFile(const std::filesystem::path& path)
    : state_(std::make_unique<State>(path)) {}

VISPLAY_INLINE AtomicFile::~AtomicFile() {
  if (!state_->committed) ::unlink(state_->file.path.c_str());
}

VISPLAY_INLINE void AtomicFile::write(std::span<const std::byte> bytes) {
  state_->file.write({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

VISPLAY_INLINE void AtomicFile::commit(bool sync) {
  if (sync) state_->file.sync();
  state_->file.close();
  check(::rename(state_->file.path.c_str(), state_->path.c_str()) == 0, "{}: rename failed: {}",
        state_->path.string(), std::strerror(errno));
  state_->committed = true;
  if (sync) sync_path(detail::folder_of(state_->path));
}

VISPLAY_INLINE void replace_file(const std::filesystem::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(text)));
  file.commit(true);
}

namespace detail {

VISPLAY_INLINE void sync_tree(const std::filesystem::path& folder) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file() || entry.is_directory()) sync_path(entry.path());
  sync_path(folder);
}

/// One step for readers where the file system can exchange names, else two.
VISPLAY_INLINE void exchange_folders(const std::filesystem::path& a,
                                     const std::filesystem::path& b) {
  if (::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0) return;
  const std::filesystem::path between = a.string() + ".old";
  std::filesystem::remove_all(between);
  std::filesystem::rename(b, between);
  std::filesystem::rename(a, b);
  std::filesystem::rename(between, a);
}

}  // namespace detail

VISPLAY_INLINE void replace_folder(
    const std::filesystem::path& folder, bool sync,
    const std::function<void(const std::filesystem::path& aside)>& write) {
  const auto place = folder.has_filename() ? folder : folder.parent_path();
  const std::filesystem::path aside = place.string() + ".tmp";
  std::error_code ignored;
  try {
    std::filesystem::remove_all(aside);
    std::filesystem::create_directories(aside);
    write(aside);
    if (sync) detail::sync_tree(aside);
    if (std::filesystem::exists(place)) {
      detail::exchange_folders(aside, place);
      std::filesystem::remove_all(aside);
    } else {
      std::filesystem::rename(aside, place);
    }
    if (sync) sync_path(detail::folder_of(place));
  } catch (const std::filesystem::filesystem_error& error) {
    std::filesystem::remove_all(aside, ignored);
    throw Error(fmt::format("{}: {}", place.string(), error.code().message()));
  } catch (...) {
    std::filesystem::remove_all(aside, ignored);
    throw;
  }
}

namespace detail {

// XXH3 of bytes in pieces. (The call for one piece trips a warning of g++ 12 on AVX-512.)
class Xxh3 {
 public:
  Xxh3() : state_(XXH3_createState(), &XXH3_freeState) {
    check(state_ != nullptr, "hash: out of memory");
    XXH3_128bits_reset(state_.get());
  }
  void add(const void* bytes, std::size_t count) {
    XXH3_128bits_update(state_.get(), bytes, count);
  }
  std::string digits() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
    return fmt::format("{:016x}{:016x}", std::uint64_t(hash.high64), std::uint64_t(hash.low64));
  }

 private:
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

}  // namespace detail

VISPLAY_INLINE std::string read_file(const std::filesystem::path& path, std::uintmax_t limit) {
  std::error_code failure;
  const auto bytes = std::filesystem::file_size(path, failure);
  check(!failure, "{}: cannot be read: {}", path.string(), failure.message());
  check(bytes <= limit, "{}: expected at most {} bytes, got {}", path.string(), limit, bytes);
  std::string text(std::size_t(bytes), '\0');
  text.resize(detail::FileDescriptor(path, O_RDONLY).read(text.data(), text.size()));
  return text;
}

VISPLAY_INLINE std::string file_hash(const std::filesystem::path& path) {
  const detail::FileDescriptor file(path, O_RDONLY);
  detail::Xxh3 hash;
  std::vector<char> buffer(std::size_t(1) << 20);
  while (const std::size_t got = file.read(buffer.data(), buffer.size()))
    hash.add(buffer.data(), got);
  return hash.digits();
}

VISPLAY_INLINE std::string bytes_hash(std::span<const std::byte> bytes) {
  detail::Xxh3 hash;
  hash.add(bytes.data(), bytes.size());
  return hash.digits();
}

VISPLAY_INLINE void check_free_space(const std::filesystem::path& folder, std::uintmax_t bytes) {
  struct statvfs space {};
  check(::statvfs(folder.c_str(), &space) == 0, "{}: {}", folder.string(), std::strerror(errno));
  const double free = double(space.f_bavail) * double(space.f_frsize);
  const double needed = 1.1 * double(bytes);
  check(free >= needed, "{}: {} MB are free on this disk, {} MB are needed", folder.string(),
        std::llround(free / 1e6), std::llround(needed / 1e6));
}

}  // namespace visplay
