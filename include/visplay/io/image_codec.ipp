// Bodies of image_codec.hpp: which decoder reads the bytes, and files.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/macros.hpp>
#include <visplay/io/exif_orientation.hpp>
#include <visplay/io/image_bytes.ipp>
#include <visplay/io/image_codec.hpp>
#include <visplay/io/image_jpeg.ipp>
#include <visplay/io/image_png.ipp>
#include <visplay/io/image_webp.ipp>

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <string_view>
#include <system_error>

namespace visplay {

namespace detail {

/// What a file that is not read seems to be: a kind by name, else its first bytes.
VISPLAY_INLINE std::string kind_of_file(std::span<const std::uint8_t> bytes) {
  using namespace std::string_view_literals;
  if (bytes.empty()) return "an empty one";
  for (const auto& [head, name] : {std::pair{"GIF8"sv, "a GIF"}, std::pair{"BM"sv, "a BMP"},
                                   std::pair{"II*\0"sv, "a TIFF"}, std::pair{"MM\0*"sv, "a TIFF"},
                                   std::pair{"%PDF"sv, "a PDF"}, std::pair{"RIFF"sv, "a RIFF"}})
    if (starts_with(bytes, head)) return fmt::format("{} file", name);
  if (bytes.size() >= 8 && starts_with(bytes.subspan(4), "ftyp")) return "an AVIF, HEIC or video";
  std::string text = "one that starts with '";
  for (const std::uint8_t byte : bytes.first(std::min<std::size_t>(bytes.size(), 16)))
    text += 32 <= byte && byte < 127 ? char(byte) : '.';
  return text + "'";
}

VISPLAY_INLINE Image decode_stored(std::span<const std::uint8_t> bytes, const std::string& source,
                                   const ImageLimits& limits, AlphaPolicy alpha) {
  if (starts_with(bytes, "\x89PNG\r\n\x1A\n")) return decode_png(bytes, source, limits, alpha);
  if (starts_with(bytes, "\xFF\xD8\xFF")) return decode_jpeg(bytes, source, limits);
  if (bytes.size() >= 12 && starts_with(bytes, "RIFF") && starts_with(bytes.subspan(8), "WEBP"))
    return decode_webp(bytes, source, limits, alpha);
  throw Error(
      fmt::format("{}: expected a PNG, JPEG or WebP file, got {}", source, kind_of_file(bytes)));
}

}  // namespace detail

VISPLAY_INLINE Image decode_image(std::span<const std::uint8_t> bytes, const std::string& source,
                                  const ImageLimits& limits, const ImagePolicy& policy) {
  check(bytes.size() <= limits.bytes, "{}: {} bytes are more than the limit of {}", source,
        bytes.size(), limits.bytes);
  Image image = detail::decode_stored(bytes, source, limits, policy.alpha);
  if (policy.exif == ExifOrientation::ignore) return image;
  return turned(std::move(image), exif_orientation(bytes));
}

VISPLAY_INLINE Image read_image(const std::filesystem::path& path, const ImageLimits& limits,
                                const ImagePolicy& policy) {
  std::error_code ignored;
  check(!std::filesystem::is_directory(path, ignored), "{}: expected an image file, got a folder",
        path.string());
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = file ? std::streamoff(file.tellg()) : -1;
  check(size >= 0, "{}: cannot be read", path.string());
  check(std::uint64_t(size) <= limits.bytes, "{}: {} bytes are more than the limit of {}",
        path.string(), size, limits.bytes);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(bytes.data()), size);
  check(file.good() || size == 0, "{}: cannot be read", path.string());
  return decode_image(bytes, path.string(), limits, policy);
}

VISPLAY_INLINE std::vector<std::uint8_t> encode_png(const Image& image) {
  check(image.width > 0 && image.height > 0 &&
            image.pixels.size() ==
                std::size_t(3) * std::size_t(image.width) * std::size_t(image.height),
        "encode_png: expected [height, width, 3] pixels with both sizes > 0, got {} bytes for {} x "
        "{}",
        image.pixels.size(), image.height, image.width);
  detail::PngWriter writer;
  std::vector<std::uint8_t> out;
  check(writer.info && detail::png_write(writer, image, out), "encode_png: libpng: {}",
        writer.problem.data());
  return out;
}

VISPLAY_INLINE void write_png(const std::filesystem::path& path, const Image& image) {
  const std::vector<std::uint8_t> bytes = encode_png(image);
  std::filesystem::path aside = path;
  aside += ".part";
  std::ofstream file(aside, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
  file.close();
  std::error_code problem;
  if (file) std::filesystem::rename(aside, path, problem);
  if (file && !problem) return;
  std::error_code ignored;
  std::filesystem::remove(aside, ignored);
  throw Error(fmt::format("{}: cannot be written", path.string()));
}

}  // namespace visplay
