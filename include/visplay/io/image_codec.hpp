// Image files: PNG and JPEG in, PNG out. Pixels are those of Pillow's Image.open(f).convert("RGB"):
// EXIF orientation ignored, alpha dropped, embedded color profiles and gamma ignored, JPEG by the
// accurate integer DCT with smooth ("fancy") chroma upsampling.
//
//   Image image = read_image("cat.jpg");
//   write_png("copy.png", image);
//
// The kind of file is told from its first bytes, never from its name. Sizes are checked before
// anything is decoded. Refused by name: 16-bit samples, 12-bit JPEG, and every other format.
#pragma once

#include <visplay/data/image.hpp>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace visplay {

/// What a file may cost. The pixel limit is the one at which Pillow starts to warn of bombs.
struct ImageLimits {
  std::uint64_t bytes = 256ull << 20;  ///< of the file
  std::uint64_t pixels = 89'478'485;   ///< width times height
};

/// @param source  what messages and Image::source call it
/// @throws Error  one line: not a PNG or JPEG, broken, truncated, unsupported or over a limit
[[nodiscard]] Image decode_image(std::span<const std::uint8_t> bytes, const std::string& source,
                                 const ImageLimits& limits = {});

/// decode_image of a file's bytes. @throws Error also if it cannot be read
[[nodiscard]] Image read_image(const std::filesystem::path& path, const ImageLimits& limits = {});

/// 8-bit RGB PNG; the same bytes for the same pixels and zlib.
/// @throws Error if pixels is not [height, width, 3] with both sizes > 0
[[nodiscard]] std::vector<std::uint8_t> encode_png(const Image& image);

/// @throws Error if the file cannot be written whole; nothing half-written stays
void write_png(const std::filesystem::path& path, const Image& image);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/io/image_codec.ipp>
#endif
