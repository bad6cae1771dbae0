// Bodies of io/mapped_file.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/io/mapped_file.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace visplay {

VISPLAY_INLINE MappedFile::MappedFile(const std::filesystem::path& path) {
  std::error_code failure;
  const auto status = std::filesystem::status(path, failure);
  check(std::filesystem::exists(status), "{}: no such file", path.string());
  check(std::filesystem::is_regular_file(status), "{}: not a regular file", path.string());
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  check(file >= 0, "{}: {}", path.string(), std::strerror(errno));
  struct stat facts {};
  const bool known = ::fstat(file, &facts) == 0;
  if (known && facts.st_size > 0) {
    size_ = std::size_t(facts.st_size);
    // Not reserved: a model larger than memory may be mapped, for few of its pages are written.
    data_ = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file, 0);
  }
  const int reason = errno;
  ::close(file);
  check(known && data_ != MAP_FAILED, "{}: {}", path.string(), std::strerror(reason));
}

VISPLAY_INLINE MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

VISPLAY_INLINE std::span<std::byte> MappedFile::bytes() const {
  return {static_cast<std::byte*>(data_), size_};
}

}  // namespace visplay
