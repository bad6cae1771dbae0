// Which way up a camera held: the EXIF orientation of a JPEG, PNG or WebP file, and the turn that
// puts its pixels upright.
//
//   Image upright = turned(std::move(image), exif_orientation(bytes));
//
// Looked for where Pillow's Image.getexif() looks: tag 0x0112 of the first directory of the EXIF
// block (APP1, eXIf, EXIF chunk), else `tiff:Orientation` in the XMP block. Not looked for:
// compressed XMP and ImageMagick's hexadecimal profiles in PNG.
#pragma once

#include <visplay/data/image.hpp>

#include <cstdint>
#include <span>

namespace visplay {

/// 1..8, and 1 if the file has none, or none that can be. Reads headers only, never pixels, and
/// never fails: a broken block is none.
[[nodiscard]] int exif_orientation(std::span<const std::uint8_t> file);

/// The picture as it should be seen: 2 mirrors, 3 turns by 180 degrees, 6 by 90 clockwise, 8 by 90
/// anticlockwise, 4 is 3 mirrored, 5 transposes, 7 is 5 turned by 180. Others change nothing.
[[nodiscard]] Image turned(Image image, int orientation);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/io/exif_orientation.ipp>
#endif
