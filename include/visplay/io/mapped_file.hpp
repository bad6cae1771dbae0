// MappedFile: a file's bytes in memory without reading it, as private copies on write.
//
//   const MappedFile file("model.safetensors");
//   parse(file.bytes());
//
// Pages are shared with the system's cache until somebody writes to one, which then becomes a
// private copy: the file itself never changes. A file that another program truncates while it is
// mapped ends this process (SIGBUS); files that are replaced by a rename, as ours are, stay whole.
#pragma once

#include <visplay/core/macros.hpp>

#include <cstddef>
#include <filesystem>
#include <span>

namespace visplay {

class MappedFile {
 public:
  /// @throws Error  no such file, not a regular file, or not readable
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  /// The start is aligned to a page.
  [[nodiscard]] std::span<std::byte> bytes() const;

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/io/mapped_file.ipp>
#endif
