// Files that survive a kill and a power loss: written aside, fsynced, renamed, folder fsynced.
//
//   replace_file("run/config.yaml", text);   // a reader sees the old file or the new one, whole
//
// A rename alone is not enough: some file systems then show an empty file under the right name.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/macros.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace visplay {

/// A file written piece by piece as `<path>.tmp`, which takes the name only when all is there.
class AtomicFile {
 public:
  /// @throws Error  naming the file and the reason, here and below
  explicit AtomicFile(const std::filesystem::path& path);
  ~AtomicFile();  ///< without commit(): nothing stays
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  /// @param sync  fsync file and folder, so that a power loss leaves the old file or this one
  void commit(bool sync);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Puts `text` in the place of the file, atomically.
/// @throws Error  naming the file and the reason (disk full, not writable ...)
void replace_file(const std::filesystem::path& path, std::string_view text);

/// Makes what was written to a file or folder durable.
/// @throws Error
void sync_path(const std::filesystem::path& path);

/// Makes a folder that is there as `write` left it or not at all: written as `<folder>.tmp`, then
/// renamed. A folder of that name is exchanged for the new one and then removed with all it holds,
/// so `write` copies what is to stay.
/// @param sync  fsync every file and folder first
/// @throws Error, and whatever `write` throws; the old folder is then as it was
void replace_folder(const std::filesystem::path& folder, bool sync,
                    const std::function<void(const std::filesystem::path& aside)>& write);

/// A whole file of at most `limit` bytes.
/// @throws Error  it cannot be read, or is larger
[[nodiscard]] std::string read_file(const std::filesystem::path& path, std::uintmax_t limit);

/// XXH3, 128 bits, of a file's bytes, as 32 hexadecimal digits. Finds damage, not malice.
/// @throws Error  it cannot be read
[[nodiscard]] std::string file_hash(const std::filesystem::path& path);
/// The same of bytes in memory.
[[nodiscard]] std::string bytes_hash(std::span<const std::byte> bytes);

/// @throws Error  if fewer than 1.1 times `bytes` are free where `folder` lies
void check_free_space(const std::filesystem::path& folder, std::uintmax_t bytes);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/io/durable_file.ipp>
#endif
