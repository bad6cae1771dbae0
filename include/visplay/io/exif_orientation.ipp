// Bodies of exif_orientation.hpp. All offsets come from the file: every read is checked.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/io/exif_orientation.hpp>
#include <visplay/io/image_bytes.ipp>

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

namespace visplay {

namespace detail {

/// The blocks of a file that may say which way up it is.
struct PictureNotes {
  std::vector<std::uint8_t> exif;
  Bytes xmp;
};

/// An integer of `size` bytes at `at`; 0 beyond the end.
VISPLAY_INLINE std::uint32_t integer_at(Bytes bytes, std::size_t at, int size, bool big_endian) {
  if (at > bytes.size() || bytes.size() - at < std::size_t(size)) return 0;
  std::uint32_t value = 0;
  for (int i = 0; i < size; ++i)
    value = value << 8 | bytes[at + std::size_t(big_endian ? i : size - 1 - i)];
  return value;
}

/// APP1 segments before the first scan; EXIF split over several of them is joined.
VISPLAY_INLINE PictureNotes jpeg_notes(Bytes file) {
  using namespace std::string_view_literals;
  PictureNotes notes;
  for (std::size_t at = 2; at + 4 <= file.size() && file[at] == 0xFF;) {
    const std::uint8_t marker = file[at + 1];
    if (marker == 0xFF) {  // padding
      ++at;
      continue;
    }
    if (marker == 0xDA || marker == 0xD9) break;                 // scan, end
    if (marker == 0x01 || (0xD0 <= marker && marker <= 0xD7)) {  // without a length
      at += 2;
      continue;
    }
    const std::size_t size = integer_at(file, at + 2, 2, true);
    if (size < 2 || file.size() - at - 2 < size) break;
    const Bytes body = file.subspan(at + 4, size - 2);
    constexpr std::string_view exif = "Exif\0\0"sv, xmp = "http://ns.adobe.com/xap/1.0/\0"sv;
    if (marker == 0xE1 && starts_with(body, exif))
      notes.exif.insert(notes.exif.end(), body.begin() + 6, body.end());
    else if (marker == 0xE1 && starts_with(body, xmp))
      notes.xmp = body.subspan(xmp.size());
    at += 2 + size;
  }
  return notes;
}

VISPLAY_INLINE PictureNotes png_notes(Bytes file) {
  using namespace std::string_view_literals;
  PictureNotes notes;
  for (std::size_t at = 8; file.size() - at >= 12;) {
    const std::size_t size = integer_at(file, at, 4, true);
    if (file.size() - at - 12 < size) break;
    const Bytes kind = file.subspan(at + 4, 4), body = file.subspan(at + 8, size);
    if (starts_with(kind, "eXIf"))
      notes.exif.assign(body.begin(), body.end());
    else if (starts_with(kind, "iTXt") && starts_with(body, "XML:com.adobe.xmp\0\0\0"sv))
      notes.xmp = body;
    else if (starts_with(kind, "IEND"))
      break;
    at += 12 + size;
  }
  return notes;
}

VISPLAY_INLINE PictureNotes webp_notes(Bytes file) {
  PictureNotes notes;
  for (std::size_t at = 12; at <= file.size() && file.size() - at >= 8;) {
    const std::size_t size = integer_at(file, at + 4, 4, false);
    if (file.size() - at - 8 < size) break;
    const Bytes kind = file.subspan(at, 4), body = file.subspan(at + 8, size);
    if (starts_with(kind, "EXIF"))
      notes.exif.assign(body.begin(), body.end());
    else if (starts_with(kind, "XMP "))
      notes.xmp = body;
    at += 8 + size + size % 2;
  }
  return notes;
}

/// Tag 0x0112 of a TIFF's first directory: an integer, which lies in the entry.
VISPLAY_INLINE std::optional<int> tiff_orientation(Bytes tiff) {
  using namespace std::string_view_literals;
  while (starts_with(tiff, "Exif\0\0"sv)) tiff = tiff.subspan(6);
  const bool big_endian = starts_with(tiff, "MM\0*"sv);
  if (!big_endian && !starts_with(tiff, "II*\0"sv)) return {};
  const std::size_t directory = integer_at(tiff, 4, 4, big_endian);
  const std::size_t entries = integer_at(tiff, directory, 2, big_endian);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + 12 * i;
    if (entry + 12 > tiff.size()) break;
    if (integer_at(tiff, entry, 2, big_endian) != 0x0112) continue;
    const std::uint32_t type = integer_at(tiff, entry + 2, 2, big_endian);
    const std::uint32_t count = integer_at(tiff, entry + 4, 4, big_endian);
    const bool is_short = type == 3 || type == 8, is_long = type == 4 || type == 9;
    if ((is_short && (count == 1 || count == 2)) || (is_long && count == 1))
      return int(std::min(integer_at(tiff, entry + 8, is_short ? 2 : 4, big_endian), 9u));
  }
  return {};
}

/// The digit of `tiff:Orientation="6"` or `<tiff:Orientation>6`.
VISPLAY_INLINE std::optional<int> xmp_orientation(Bytes xmp) {
  const std::string_view text(reinterpret_cast<const char*>(xmp.data()), xmp.size());
  constexpr std::string_view name = "tiff:Orientation";
  for (std::size_t at = text.find(name); at != text.npos; at = text.find(name, at + 1)) {
    std::string_view rest = text.substr(at + name.size());
    if (!rest.starts_with("=\"") && !rest.starts_with(">")) continue;
    rest.remove_prefix(rest.starts_with(">") ? 1 : 2);
    if (!rest.empty() && '0' <= rest[0] && rest[0] <= '9') return rest[0] - '0';
  }
  return {};
}

}  // namespace detail

VISPLAY_INLINE int exif_orientation(std::span<const std::uint8_t> file) {
  using namespace std::string_view_literals;
  detail::PictureNotes notes;
  if (detail::starts_with(file, "\xFF\xD8\xFF"sv)) notes = detail::jpeg_notes(file);
  if (detail::starts_with(file, "\x89PNG\r\n\x1A\n"sv)) notes = detail::png_notes(file);
  if (detail::starts_with(file, "RIFF"sv) && file.size() >= 12) notes = detail::webp_notes(file);
  std::optional<int> found = detail::tiff_orientation(notes.exif);
  if (!found) found = detail::xmp_orientation(notes.xmp);
  return found && 1 <= *found && *found <= 8 ? *found : 1;
}

VISPLAY_INLINE Image turned(Image image, int orientation) {
  if (orientation < 2 || orientation > 8) return image;
  const bool transposed = orientation >= 5;
  const bool rows_flipped =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const bool columns_flipped =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  Image out{.height = transposed ? image.width : image.height,
            .width = transposed ? image.height : image.width,
            .pixels = std::vector<std::uint8_t>(image.pixels.size()),
            .source = std::move(image.source)};
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x) {
      const int row = transposed ? x : y, column = transposed ? y : x;
      std::copy_n(image.at(rows_flipped ? image.height - 1 - row : row,
                           columns_flipped ? image.width - 1 - column : column),
                  3, out.at(y, x));
    }
  return out;
}

}  // namespace visplay
