// Bodies of text_file.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/io/text_file.hpp>

#include <fstream>
#include <system_error>

namespace visplay {

VISPLAY_INLINE std::string read_text_file(const std::filesystem::path& file,
                                          std::size_t max_bytes) {
  std::error_code failure;
  const auto size = std::filesystem::file_size(file, failure);
  check(!failure, "{}: cannot be read: {}", file.string(), failure.message());
  check(size <= max_bytes, "{}: expected at most {} bytes, got {}", file.string(), max_bytes, size);
  std::ifstream in(file, std::ios::binary);
  std::string text(std::size_t(size), '\0');
  in.read(text.data(), std::streamsize(size));
  check(in.gcount() == std::streamsize(size), "{}: cannot be read", file.string());
  return text;
}

VISPLAY_INLINE void write_text_file(const std::filesystem::path& file, std::string_view text) {
  const std::filesystem::path aside = file.string() + ".part";
  std::ofstream out(aside, std::ios::binary | std::ios::trunc);
  out.write(text.data(), std::streamsize(text.size()));
  out.close();
  std::error_code failure;
  if (out) std::filesystem::rename(aside, file, failure);
  const bool written = out && !failure;
  if (!written) std::filesystem::remove(aside, failure);
  check(written, "{}: cannot be written", file.string());
}

}  // namespace visplay
