// Image files: PNG, JPEG and WebP in, PNG out. Pixels are those of Pillow: what
// Image.open(f).convert("RGB") gives, embedded color profiles and gamma ignored, JPEG by the
// accurate integer DCT with smooth ("fancy") chroma upsampling, CMYK and YCCK inks multiplied out.
//
//   Image image = read_image("cat.jpg");
//   Image upright = read_image("cat.jpg", {}, {.exif = ExifOrientation::apply});
//   write_png("copy.png", image);
//
// The kind of file is told from its first bytes, never from its name. Sizes are checked before
// anything is decoded. Of 16-bit PNG samples the high byte counts; 16-bit grey is Pillow's odd one:
// levels above 255 become white. An animated WebP or PNG gives its first frame. Refused by name:
// GIF, 12-bit JPEG, and every other format.
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

/// What becomes of the orientation that a camera wrote beside the pixels.
enum class ExifOrientation {
  ignore,  ///< pixels as stored: VisPlay, Pillow, qwen_vl_utils, SGLang, llama.cpp
  apply    ///< turned upright: load_image of transformers, vLLM since June 2026, OpenCV
};

/// What becomes of transparency: an alpha channel, or a palette entry or color marked as such.
enum class AlphaPolicy {
  drop,  ///< convert("RGB"): VisPlay, load_image of transformers
  white  ///< laid on white: image processors of transformers 5.x, qwen_vl_utils, vLLM
};

/// The defaults are VisPlay's. `{apply, drop}` is load_image of transformers; `{ignore, white}` is
/// its image processor when handed a picture as opened.
struct ImagePolicy {
  ExifOrientation exif = ExifOrientation::ignore;
  AlphaPolicy alpha = AlphaPolicy::drop;
};

/// @param source  what messages and Image::source call it
/// @throws Error  one line: no PNG, JPEG or WebP, broken, truncated, unsupported or over a limit
[[nodiscard]] Image decode_image(std::span<const std::uint8_t> bytes, const std::string& source,
                                 const ImageLimits& limits = {}, const ImagePolicy& policy = {});

/// decode_image of a file's bytes. @throws Error also if it cannot be read
[[nodiscard]] Image read_image(const std::filesystem::path& path, const ImageLimits& limits = {},
                               const ImagePolicy& policy = {});

/// 8-bit RGB PNG; the same bytes for the same pixels and zlib.
/// @throws Error if pixels is not [height, width, 3] with both sizes > 0
[[nodiscard]] std::vector<std::uint8_t> encode_png(const Image& image);

/// @throws Error if the file cannot be written whole; nothing half-written stays
void write_png(const std::filesystem::path& path, const Image& image);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/io/image_codec.ipp>
#endif
