// Whole text files: read under a size limit, written aside and renamed.
#pragma once

#include <visplay/core/macros.hpp>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace visplay {

/// @throws Error  cannot be read, or is longer than max_bytes (checked before reading)
[[nodiscard]] std::string read_text_file(const std::filesystem::path& file, std::size_t max_bytes);

/// Replaces the file, or leaves the old one as it was. @throws Error if it cannot be written
void write_text_file(const std::filesystem::path& file, std::string_view text);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/io/text_file.ipp>
#endif
